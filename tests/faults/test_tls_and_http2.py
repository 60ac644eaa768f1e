"""TLS with certificates of every kind, and HTTP/2 over it and without it."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.faults.h2_server import H2Server
from tests.faults.served import ASK, BUDGET, WAYS, asked, balanced, served

from ecology import Ecology
from ecology.errors import AllLegsFailed, AllLegsRefused
from ecology.testing import OpenAIServer, population


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(made)
    return made


@contextmanager
def trusting(url: str, folder: Path, authority: trustme.CA | None, **facts: Any) -> Iterator[Ecology]:
    """A population of one served model that trusts `authority`; without one, the system's."""
    backend = facts.pop("backend", {})
    if authority is not None:
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        backend = backend | {"ca_file": "ca.pem"}
    with population({"small": served(url, backend=backend, timeout_ms=20_000)}, BUDGET, root=folder) as ecology:
        yield ecology


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("http1", [True, False], ids=["HTTP/1.1", "HTTP/2"])
def test_tls_negotiates_the_protocol_and_keeps_the_connection(
    authority: trustme.CA, tmp_path: Path, http1: bool, way: str
) -> None:
    with H2Server(context=context(authority.issue_cert("localhost", "127.0.0.1")), http1=http1) as server:
        for host in ("localhost", "127.0.0.1"):
            with trusting(server.base_url(host), tmp_path, authority) as ecology:
                told = [asked(ecology, way) for _ in range(5)]
                assert [each.output for each in told] == ["fine"] * 5, told[0].error
                balanced(ecology, *told)
        assert server.connections == ["http/1.1" if http1 else "h2"] * 2


def certificates(authority: trustme.CA) -> dict[str, tuple[trustme.LeafCert, trustme.CA | None]]:
    """What is wrong, with the server's certificate and the authority that the client trusts."""
    past = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    return {
        "another name": (authority.issue_cert("elsewhere.example"), authority),
        "out of date": (
            authority.issue_cert("127.0.0.1", not_before=past, not_after=past.replace(year=2002)),
            authority,
        ),
        "another authority": (authority.issue_cert("127.0.0.1"), trustme.CA()),
        "the system's authorities": (authority.issue_cert("127.0.0.1"), None),
    }


WORDS = {"another name": "not valid for name", "out of date": "expired", "another authority": "UnknownIssuer"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", ["another name", "out of date", "another authority", "the system's authorities"])
def test_a_certificate_that_is_not_accepted_is_refused_in_words(
    authority: trustme.CA, tmp_path: Path, wrong: str, way: str
) -> None:
    certificate, trusted = certificates(authority)[wrong]
    with (
        H2Server(context=context(certificate)) as server,
        trusting(server.base_url(), tmp_path, trusted) as ecology,
    ):
        told = asked(ecology, way)
        assert told.leg["outcome"] == "refused" and isinstance(told.error, AllLegsRefused)
        assert "certificate is not accepted" in told.leg["fault"]
        assert WORDS.get(wrong, "UnknownIssuer") in told.leg["fault"]
        assert told.leg["cost_usd"] == 0 and server.requests == 0
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_a_plain_server_behind_https_is_not_reached(authority: trustme.CA, tmp_path: Path, way: str) -> None:
    with OpenAIServer() as server:
        url = server.base_url.replace("http://", "https://")
        # It waits for the rest of a request, and the client for its part of the handshake.
        with trusting(url, tmp_path, authority, backend={"connect_timeout_ms": 200}) as ecology:
            told = asked(ecology, way)
            assert told.leg["outcome"] == "unavailable" and told.leg["fault"].startswith("no connection")
            assert server.request_count == 0
            balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_http2_without_negotiation(way: str, tmp_path: Path) -> None:
    with H2Server() as server, trusting(server.base_url(), tmp_path, None, backend={"http2": True}) as ecology:
        told = [asked(ecology, way) for _ in range(5)]
        assert [each.output for each in told] == ["fine"] * 5, told[0].error
        assert server.connections == ["h2"]
        balanced(ecology, *told)


@pytest.mark.parametrize("way", WAYS)
def test_http2_to_a_server_that_does_not_speak_it(way: str, tmp_path: Path) -> None:
    with OpenAIServer() as server, trusting(server.base_url, tmp_path, None, backend={"http2": True}) as ecology:
        told = asked(ecology, way)
        assert told.leg["outcome"] in ("lost", "unavailable") and isinstance(told.error, AllLegsFailed)
        balanced(ecology, told)


async def test_requests_share_one_http2_connection(tmp_path: Path) -> None:
    with (
        H2Server(lambda _: "hold") as server,
        trusting(server.base_url(), tmp_path, None, backend={"http2": True}) as ecology,
    ):
        answers = await asyncio.gather(*[ecology.aanswer(ASK) for _ in range(4)])
        assert [answer.output for answer in answers] == ["together"] * 4
        assert server.most_at_once == 4 and len(server.connections) == 1


MISBEHAVIOUR = {
    "reset": ("lost", "the server broke off one of the streams"),
    "refuse": ("lost unavailable", "it says that it did not begin"),
    "goaway": ("lost unavailable", "it closes the connection in order"),
    "leave": ("lost unavailable", "it is gone"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("act", MISBEHAVIOUR)
def test_an_http2_server_that_breaks_off_costs_one_call(act: Any, way: str, tmp_path: Path) -> None:
    with (
        H2Server(lambda number: act if number == 2 else "fine") as server,
        trusting(server.base_url(), tmp_path, None, backend={"http2": True}) as ecology,
    ):
        told = [asked(ecology, way) for _ in range(3)]
        assert told[0].output == "fine" and told[2].output == "fine", told
        # A stream that was refused may have been asked again, and then it is answered.
        assert told[1].leg["outcome"] in (*MISBEHAVIOUR[act][0].split(), *(["ok"] * (act in ("refuse", "goaway"))))
        balanced(ecology, *told)


@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_is_cut_off_resets_its_stream_and_not_the_connection(way: str, tmp_path: Path) -> None:
    with H2Server(lambda number: "hold" if number == 1 else "fine") as server:
        backend = {"http2": True, "first_byte_timeout_ms": 150}
        with trusting(server.base_url(), tmp_path, None, backend=backend) as ecology:
            first, second = asked(ecology, way), asked(ecology, way)
            assert first.leg["outcome"] == "timed_out" and second.output == "fine"
            assert server.resets == 1 and len(server.connections) == 1
            balanced(ecology, first, second)
