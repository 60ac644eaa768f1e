"""What a server says, or does not say, after all that matters has come."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults.served import ACCOUNT, BUDGET, WAYS, asked, served
from tests.populations import serve

DONE = (
    b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\ndata: [DONE]\n\n'
)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
BUSY = b"HTTP/1.1 429 Busy\r\nretry-after: 1\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n"
KEY = "sk-proj-ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@contextmanager
def saying(reply: bytes, *, ends: bool) -> Iterator[str]:
    """A server that says this to whoever asks, and then nothing; it closes only if it `ends`."""
    listening = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve_one(connection: socket.socket) -> None:
        asked_for = b""
        while b"\r\n\r\n" not in asked_for:
            asked_for += connection.recv(65_536)
        connection.sendall(reply)
        if ends:
            connection.close()
        held.append(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for connection in held:
            connection.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_that_is_done_and_not_closed_is_answered_at_once(tmp_path: Path, way: str) -> None:
    chunk = b"%x\r\n%s\r\n" % (len(DONE), DONE)
    with saying(STREAM + chunk, ends=False) as url:
        model = served(url, name="small", backend={"stream": True}, timeout_ms=10_000)
        with serve(tmp_path, model, **BUDGET) as ecology:
            told = asked(ecology, way, account=ACCOUNT)
    assert told.output == "hi" and told.seconds < 2


@pytest.mark.parametrize("way", WAYS)
def test_an_error_whose_words_never_come_keeps_its_outcome_and_is_free(tmp_path: Path, way: str) -> None:
    with saying(BUSY, ends=False) as url, serve(tmp_path, served(url, name="small"), **BUDGET) as ecology:
        told = asked(ecology, way, account=ACCOUNT)
    assert (told.leg["outcome"], told.leg["retry_after_ms"], told.leg["cost_usd"]) == ("unavailable", 1_000, 0)


WORDS = {
    "a key across the end of what is shown": f'{{"error": {{"message": "{"x" * 380}{KEY}"}}}}',
    "a long code that commands a terminal": '{"error": {"code": "\\u001b[2J%s", "message": ""}}' % ("y" * 100_000),
    "a long message that commands a terminal": '{"error": {"message": "\\u001b[2J\\n%s"}}' % ("z" * 100_000),
}


@pytest.mark.parametrize("name", WORDS)
def test_what_a_server_writes_is_shown_short_and_harmless(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SERVER_KEY", KEY)
    body = WORDS[name].encode()
    head = b"HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    with saying(head + body, ends=True) as url:
        model = served(url, name="small", backend={"api_key": "env:TEST_SERVER_KEY"}, timeout_ms=5_000)
        with serve(tmp_path, model, **BUDGET) as ecology:
            fault = asked(ecology, "answer", account=ACCOUNT).leg["fault"]
    assert len(fault) <= 400 and fault.isprintable() and "sk-proj" not in fault
    assert fault.startswith("status 401")
