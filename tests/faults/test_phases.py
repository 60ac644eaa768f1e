"""Each phase of a call has its own bound and its own outcome, from the name to the last byte of a stream."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from tests.faults.served import BUDGET, WAYS, asked, balanced, served

from ecology import Ecology
from ecology.errors import AllLegsFailed, AllLegsRefused
from ecology.testing import BlackHole, Hang, OpenAIServer, Phase, Redirect, Trickle, population

SLACK = 10


@contextmanager
def one(url: str | OpenAIServer, **facts: Any) -> Iterator[Ecology]:
    """A population of one served model, with a limited account."""
    with population({"small": served(url, **facts)}, policy=BUDGET) as ecology:
        yield ecology


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("way", WAYS)
def test_nobody_listens(way: str) -> None:
    with one(f"http://127.0.0.1:{closed_port()}/v1", timeout_ms=5_000) as ecology:
        told = asked(ecology, way)
        assert told.leg["outcome"] == "unavailable" and "no connection" in told.leg["fault"]
        assert isinstance(told.error, AllLegsFailed) and told.seconds < 5
        assert told.leg["cost_usd"] == 0
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_does_not_exist(way: str) -> None:
    with one("http://no-such-host.invalid/v1", timeout_ms=20_000) as ecology:
        told = asked(ecology, way)
        assert told.leg["outcome"] == "unavailable" and told.leg["cost_usd"] == 0
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stated", [{"connect_timeout_ms": 100}, {}], ids=["stated", "half of the whole"])
def test_connecting_hangs(way: str, stated: dict[str, Any]) -> None:
    with BlackHole() as hole, one(f"http://127.0.0.1:{hole.port}/v1", backend=stated, timeout_ms=400) as ecology:
        told = asked(ecology, way)
        bound_ms = stated.get("connect_timeout_ms", 200)
        assert told.leg["outcome"] == "unavailable" and f"within {bound_ms} ms" in told.leg["fault"]
        assert bound_ms / 1000 <= told.seconds < bound_ms / 1000 * SLACK
        assert told.leg["cost_usd"] == 0, "nothing was asked of it"
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_nobody_accepts(way: str) -> None:
    with BlackHole(full=False) as hole, one(f"http://127.0.0.1:{hole.port}/v1", timeout_ms=200) as ecology:
        told = asked(ecology, way)
        assert told.leg["outcome"] == "timed_out" and told.seconds < 0.2 * SLACK
        balanced(ecology, told)


BOUNDS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "first byte": (Hang(Phase.BEFORE_HEADERS), {"first_byte_timeout_ms": 100}, "first byte"),
    "first byte, half a head": (Hang(Phase.IN_HEADERS), {"first_byte_timeout_ms": 100}, "first byte"),
    "idle after the head": (Hang(Phase.AFTER_HEADERS), {"idle_timeout_ms": 100}, "idle"),
    "idle in the body": (Hang(Phase.IN_BODY), {"idle_timeout_ms": 100}, "idle"),
    "idle in a stream": (Hang(Phase.IN_BODY), {"idle_timeout_ms": 100, "stream": True}, "idle"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BOUNDS)
def test_silence_past_its_bound_ends_the_call_before_its_timeout(name: str, way: str) -> None:
    fault, bounds, phase = BOUNDS[name]
    with OpenAIServer() as server, one(server, backend=bounds, timeout_ms=20_000) as ecology:
        server.script(fault)
        told = asked(ecology, way)
        assert told.leg["outcome"] == "timed_out" and f"(the bound `{phase}`)" in told.leg["fault"]
        assert 0.1 <= told.seconds < 0.1 * SLACK
        assert server.wait_for(lambda s: s.connections[-1].closed_by == "client", timeout_s=2)
        assert told.leg["tokens_out"] == 100, "what it used is unknown, so it is the worst"
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_a_trickle_passes_the_idle_bound_and_not_the_whole(way: str) -> None:
    bounds = {"idle_timeout_ms": 200, "first_byte_timeout_ms": 250}
    with OpenAIServer() as server, one(server, backend=bounds, timeout_ms=400) as ecology:
        server.script(Trickle("body", interval_ms=10))
        told = asked(ecology, way)
        assert told.leg["outcome"] == "timed_out" and told.seconds >= 0.39
        assert server.wait_for(lambda s: s.connections[-1].closed_by == "client", timeout_s=2)
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", [Phase.AFTER_HEADERS, Phase.IN_BODY])
def test_an_error_without_its_words_is_still_that_error(way: str, phase: Phase) -> None:
    body = b'{"error": {"message": "later"}}'
    head = f"HTTP/1.1 429 Too Many\r\nretry-after: 3\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    sent = head if phase is Phase.AFTER_HEADERS else head + body[:5]
    with raw(sent) as url, one(url, timeout_ms=20_000) as ecology:
        told = asked(ecology, way)
        assert told.leg["outcome"] == "unavailable" and told.leg["retry_after_ms"] == 3000
        assert told.seconds < 5, "the status says it all"
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_that_is_done_and_not_ended_is_an_answer(way: str) -> None:
    events = (
        b'data: {"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}], "error": null}\n\ndata: [DONE]\n\n'
    )
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    with raw(head + b"%x\r\n%b\r\n" % (len(events), events)) as url, one(url, timeout_ms=20_000) as ecology:
        told = asked(ecology, way)
        assert told.output == "hi" and told.seconds < 5
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(way: str, status: int) -> None:
    with OpenAIServer() as elsewhere, OpenAIServer() as server, one(server) as ecology:
        to = f"{elsewhere.base_url}/chat/completions"
        server.script(Redirect(to, status))
        told = asked(ecology, way)
        assert told.leg["outcome"] == "refused" and to in told.leg["fault"]
        assert isinstance(told.error, AllLegsRefused)
        assert elsewhere.connection_count == 0
        balanced(ecology, told)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_was_started_again_is_reached_on_a_new_connection(way: str) -> None:
    with OpenAIServer() as server, one(server, timeout_ms=5_000) as ecology:
        first = asked(ecology, way)
        port = server.port
        server.close()
        time.sleep(0.05)
        with OpenAIServer(port=port) as again:
            second = asked(ecology, way)
            assert second.output is not None and again.request_count == 1
        balanced(ecology, first, second)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_connection_is_kept_over_many_calls(way: str, stream: bool) -> None:
    with OpenAIServer() as server, one(server, backend={"stream": stream}, timeout_ms=5_000) as ecology:
        told = [asked(ecology, way) for _ in range(50)]
        assert server.request_count == 50 and server.connection_count == 1
        balanced(ecology, *told)


@contextmanager
def raw(reply: bytes) -> Iterator[str]:
    """A server that sends `reply` to the first request and then nothing, until the block ends."""
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError), listener.accept()[0] as client:
            seen = b""
            while b"\r\n\r\n" not in seen or not seen.endswith(b"}"):
                seen += client.recv(65_536)
            client.sendall(reply)
            over.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            over.set()
            thread.join(5)
