"""What a description says wrongly of a served model is told before anything is called: all of it, each in its place."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.backends.test_openai_keys import violations
from tests.faults.h2_server import reply
from tests.faults.served import asked, served

from ecology.engine.description import check_description
from ecology.errors import AllLegsRefused
from ecology.testing import OpenAIServer, population

FORBIDDEN = {
    "http://169.254.169.254/v1": "link-local",
    "http://[fe80::1]/v1": "link-local",
    "http://[::ffff:169.254.169.254]/v1": "link-local",
    "http://100.100.100.200/v1": "metadata",
    "http://[fd00:ec2::254]:80/v1": "metadata",
    "https://168.63.129.16/v1": "metadata",
    "http://0.0.0.0:8000/v1": "not the address of one machine",
    "http://[::]:8000/v1": "not the address of one machine",
    "http://10.0.0.7:8000/v1": "private_networks = true",
    "https://192.168.1.1/v1": "private_networks = true",
    "http://[fd12::1]/v1": "private_networks = true",
    "http://[64:ff9b::a00:1]/v1": "private_networks = true",
}
ALLOWED = [
    "http://127.0.0.1:8000/v1",
    "http://[::1]:8000/v1",
    "http://localhost/v1/",
    "http://8.8.8.8/v1",
    "https://[2606:4700::1111]/v1",
]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_an_address_that_is_never_called_is_a_violation_at_its_place(url: str, tmp_path: Path) -> None:
    found = violations(served(url), tmp_path)
    assert list(found) == ["models.0.backend.base_url (small@1)"]
    assert FORBIDDEN[url] in found["models.0.backend.base_url (small@1)"]
    policy = {"network": {"private_networks": True}}
    if "private" in FORBIDDEN[url]:
        opened = {"name": "t", "models": [{"name": "small"} | served(url)], "policy": policy}
        assert check_description(opened, tmp_path, "t").policy.network.private_networks
    else:
        assert violations(served(url), tmp_path, **policy) == found, "it cannot be opted into"


@pytest.mark.parametrize("url", ALLOWED)
def test_other_addresses_are_as_they_are_written(url: str, tmp_path: Path) -> None:
    check_description({"name": "t", "models": [{"name": "small"} | served(url)]}, tmp_path, "t")


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost."])
def test_this_machine_by_a_name_that_does_not_say_so_is_refused_when_it_is_reached(host: str) -> None:
    with OpenAIServer() as server:
        with population({"small": served(f"http://{host}:{server.port}/v1", timeout_ms=10_000)}) as ecology:
            told = asked(ecology, "answer")
        assert server.connection_count == 0
    # Some systems do not resolve such names at all.
    assert isinstance(told.error, AllLegsRefused) or told.leg["outcome"] == "unavailable"
    if told.leg["outcome"] == "refused":
        assert "write 127.0.0.1 or localhost" in told.leg["fault"]


def test_ipv6_is_reached() -> None:
    class Answering(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(reply("six"))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Six(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6

    try:
        server = Six(("::1", 0), Answering)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with population({"small": served(f"http://[::1]:{server.server_port}/v1", timeout_ms=10_000)}) as ecology:
            assert asked(ecology, "answer").output == "six"
        server.shutdown()


@pytest.mark.parametrize("way", ["answer", "aanswer"])
def test_a_proxy_of_the_environment_is_not_used(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer() as proxy, OpenAIServer(reply="direct") as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{proxy.port}")
        assert os.environ["http_proxy"]
        with population({"small": served(server, timeout_ms=10_000)}) as ecology:
            assert asked(ecology, way).output == "direct"
        assert proxy.connection_count == 0


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    backend = {
        "base_url": "http://10.0.0.1/v1",
        "api_key": "env:ECOLOGY_TEST_ABSENT",
        "ca_file": "ca.pem",
    }
    found = violations(served("", backend=backend), tmp_path)
    assert set(found) == {f"models.0.backend.{key} (small@1)" for key in backend}
    missing = violations(served("", backend=backend | {"ca_file": "absent.pem"}), tmp_path)
    assert "does not exist" in missing["models.0.backend.ca_file (small@1)"]


MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a key of another library": ({"apikey": "env:X"}, "apikey", "api_key"),
    "a typo": ({"base_ulr": "http://a/v1"}, "base_ulr", "base_url"),
    "temperature beside": ({"temperature": 0.1}, "temperature", "parameters"),
    "max_tokens beside": ({"max_tokens": 5}, "max_tokens", "max_output_tokens"),
    "timeout beside": ({"timeout_ms": 5}, "timeout_ms", "beside backend"),
    "no scheme": ({"base_url": "localhost:8000/v1"}, "base_url", "http://host:port/v1"),
    "another scheme": ({"base_url": "ftp://host/v1"}, "base_url", "http://host:port/v1"),
    "a query": ({"base_url": "https://host/v1?api-version=1"}, "base_url", "query"),
    "a fragment": ({"base_url": "https://host/v1#a"}, "base_url", "query or a fragment"),
    "no host": ({"base_url": "http:///v1"}, "base_url", "http://host:port/v1"),
    "a port that is none": ({"base_url": "http://a:99999/v1"}, "base_url", "port is none"),
    "a port of nobody": ({"base_url": "http://a:0/v1"}, "base_url", "port is none"),
    "a template without a place": ({"template": "Say {inptu}"}, "template", "{input}"),
    "a parameter that is written twice": ({"parameters": {"stream": True}}, "parameters", "stream"),
    "a bound among the parameters": ({"parameters": {"max_tokens": 5}}, "parameters", "max_output_tokens"),
    "a call that is not known": ({"api": "responses"}, "api", "chat"),
    "a confidence that is not known": ({"confidence": "logprobs"}, "confidence", "joint"),
    "a bound of no time": ({"idle_timeout_ms": 0}, "idle_timeout_ms", "above 0"),
    "an empty model": ({"model": ""}, "model", "text"),
    "a reply of a few bytes": ({"max_response_bytes": 3}, "max_response_bytes", "1024"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_what_to_write(name: str, tmp_path: Path) -> None:
    change, key, words = MISTAKES[name]
    found = violations(served("http://127.0.0.1:1/v1", backend=change), tmp_path)
    place = f"models.0.backend.{key} (small@1)"
    assert place in found, found
    assert words in found[place] and "()" not in found[place], found[place]


def test_several_mistakes_are_told_together(tmp_path: Path) -> None:
    backend = {"base_url": "localhost", "template": "x", "api": "chatt", "apikey": "env:X", "model": ""}
    found = violations(served("", backend=backend), tmp_path)
    assert {place.split(".")[3].split(" ")[0] for place in found} == set(backend)
