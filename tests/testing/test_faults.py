"""Each fault of the table, as a client without opinions sees it."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from tests.testing.wire import chat, connect, post, read_some, read_to_end, reply_of

from ecology.testing import FAULTS, Close, Delay, Fault, Hang, OpenAIServer, Phase, Reset, Response, Scene, Trickle
from ecology.testing.fault import End, Wait

DUE = Response(documents=({"choices": [{"message": {"content": "refund"}}], "usage": {"prompt_tokens": 1}},))
WHOLE = b"".join(DUE.wire)
STREAM = Response(documents=({"choices": [{"delta": {"content": "a"}}]},) * 3, stream=True)
SILENCE_S = 0.1


def planned(fault: Fault, response: Response = DUE) -> tuple[bytes, End | None]:
    """What a fault sends, and how it ends."""
    steps = list(fault.steps(response, Scene(now_s=0.0)))
    ends = [step for step in steps if isinstance(step, End)]
    assert not ends or steps[-1:] == ends
    return b"".join(step for step in steps if isinstance(step, bytes)), ends[0] if ends else None


@pytest.mark.parametrize("response", [DUE, STREAM], ids=["document", "stream"])
@pytest.mark.parametrize("phase", Phase)
def test_what_breaks_off_sends_a_beginning_of_the_reply_up_to_its_phase(phase: Phase, response: Response) -> None:
    whole, head = b"".join(response.wire), len(response.head)
    for fault, end in ((Hang(phase), End.HANG), (Close(phase), End.CLOSE), (Reset(phase), End.RESET)):
        sent, how = planned(fault, response)
        assert how is end
        assert whole.startswith(sent) and len(sent) < len(whole)
        if phase in (Phase.BEFORE_READING, Phase.BEFORE_HEADERS):
            assert sent == b""
        elif phase is Phase.IN_HEADERS:
            assert 0 < len(sent) < head
        elif phase is Phase.AFTER_HEADERS:
            assert len(sent) == head
        else:
            assert len(sent) > head


@pytest.mark.parametrize("name", FAULTS)
def test_the_same_scene_gives_the_same_steps(name: str) -> None:
    for response in (DUE, STREAM):
        before = list(response.documents)
        assert planned(FAULTS[name], response) == planned(FAULTS[name], response)
        assert list(response.documents) == before, "a fault must not change what is kept for the next request"


def test_the_page_lists_every_fault() -> None:
    page = Path(__file__).parents[2].joinpath("docs/testing.md").read_text("utf-8")
    assert [name for name in FAULTS if f"`{name}`" not in page] == []


# --- through a socket -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["document", "stream"])
@pytest.mark.parametrize("phase", Phase)
def test_a_hang_says_so_much_and_stays_open(phase: Phase, stream: bool) -> None:
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(Hang(phase))
        client.sendall(post(chat(stream=stream)))
        got = read_some(client, SILENCE_S)
        assert bool(got) == (phase not in (Phase.BEFORE_READING, Phase.BEFORE_HEADERS))
        assert server.connections[0].is_open
        assert len(server.requests) == (phase is not Phase.BEFORE_READING)
        client.close()
        server.wait_for(lambda server: server.connections[0].closed_by == "client")


@pytest.mark.parametrize("phase", Phase)
def test_a_hang_notices_a_client_that_resets(phase: Phase) -> None:
    with OpenAIServer() as server:
        server.script(Hang(phase))
        client = connect(server.port)
        client.sendall(post(chat()))
        read_some(client, SILENCE_S)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()
        server.wait_for(lambda server: server.connections[0].closed_by == "client_reset")


@pytest.mark.parametrize("phase", Phase)
def test_a_close_ends_with_a_fin(phase: Phase) -> None:
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(Close(phase))
        client.sendall(post(chat()))
        got = b""
        while part := client.recv(65_536):  # a reset would raise
            got += part
        assert bool(got) == (phase not in (Phase.BEFORE_READING, Phase.BEFORE_HEADERS))
        assert server.connections[0].closed_by == "server"


@pytest.mark.parametrize("phase", Phase)
def test_a_reset_ends_with_an_rst(phase: Phase) -> None:
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(Reset(phase))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.sendall(post(chat()))
            while client.recv(65_536):
                pass
        assert server.connections[0].closed_by == "server_reset"


@pytest.mark.parametrize("fault", [Hang, Close, Reset])
def test_a_fault_before_reading_also_meets_a_connection_that_was_kept(fault: Any) -> None:
    with OpenAIServer() as server, connect(server.port) as client:
        client.sendall(post(chat()))
        assert reply_of(client)[0] == 200
        server.script(fault(Phase.BEFORE_READING))
        client.sendall(post(chat()))
        if fault is Hang:
            assert read_some(client, SILENCE_S) == b""
        else:
            assert read_to_end(client) == b""
        assert server.request_count == 1


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_trickle_comes_slowly_and_whole(part: Any) -> None:
    fault = Trickle(part, interval_ms=1, size_bytes=7)
    steps = list(fault.steps(DUE, Scene()))
    assert sum(isinstance(step, Wait) for step in steps) == -(-len(DUE.head if part == "headers" else DUE.content) // 7)
    assert planned(fault)[0] == WHOLE
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(fault)
        client.sendall(post(chat()) + post(chat("next")))
        assert reply_of(client)[0] == 200
        server.wait_for(lambda server: server.request_count == 2)


def test_a_delay_comes_before_what_follows_it() -> None:
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(Delay(50, then=FAULTS["server_error"]))
        began = time.monotonic()
        client.sendall(post(chat()))
        assert reply_of(client)[0] == 500
        assert time.monotonic() - began >= 0.05


def test_a_truncated_document_is_whole_but_promised_longer() -> None:
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(FAULTS["truncated"])
        client.sendall(post(chat()))
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert json.loads(body)["object"] == "chat.completion"
    assert b"content-length: %d" % (len(body) + 16) in head
    sent, end = planned(FAULTS["truncated"], STREAM)
    assert sent.endswith(b"data: [DONE]\n\n\r\n") and end is End.CLOSE


def test_noise_is_not_http_and_drawn_with_the_seed() -> None:
    noises = []
    for _ in range(2):
        with OpenAIServer(seed=7) as server, connect(server.port) as client:
            server.script(FAULTS["not_http"])
            client.sendall(post(chat()))
            noises.append(read_to_end(client))
    assert noises[0] == noises[1] and not noises[0].startswith(b"HTTP/")


def test_a_reset_after_much_was_written_lets_it_out_first() -> None:
    with OpenAIServer(reply="a" * 20_000_000) as server, connect(server.port) as client:
        server.script(Reset(Phase.IN_BODY))
        client.sendall(post(chat()))
        assert len(read_to_end(client)) > 9_000_000
