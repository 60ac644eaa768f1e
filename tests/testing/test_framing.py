"""Requests are the same however their bytes are cut, and what cannot be framed is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.testing.wire import chat, connect, post, read_to_end, reply_of

from ecology.testing import OpenAIServer
from ecology.testing.framing import BadRequest, Framer

BODIES = st.lists(st.tuples(st.booleans(), st.binary(max_size=200), st.integers(1, 50)), min_size=1, max_size=5)


def framed(body: bytes, chunked: bool, chunk: int) -> bytes:
    """A request with this body."""
    if not chunked:
        return post(body)
    parts = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    head = b"POST /v1/x?q=1 HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
    return head + b"".join(b"%X;ext=1\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nx-trailer: 1\r\n\r\n"


@given(BODIES, st.data())
@settings(deadline=None)
def test_pipelined_requests_are_the_same_in_any_segments(bodies: list[tuple[bool, bytes, int]], data: st.DataObject):
    stream = b"".join(framed(body, chunked, chunk) for chunked, body, chunk in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=30), label="cuts"))
    framer, found = Framer(), []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if start < stop:
            framer.feed(stream[start:stop])
        while (request := framer.next()) is not None:
            found.append(request[1])
    assert found == [body for _, body, _ in bodies]
    assert framer.waiting_bytes == 0


def test_byte_by_byte_is_as_good_as_at_once() -> None:
    stream = framed(b"one", True, 2) + framed(b"two", False, 1)
    framer, found = Framer(), []
    for at in range(len(stream)):
        framer.feed(stream[at : at + 1])
        while (request := framer.next()) is not None:
            found.append((request[0].path, request[1]))
    assert found == [("/v1/x", b"one"), ("/v1/chat/completions", b"two")]


REFUSED = [
    (b"hello\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\n\r\n", 400),
    (b"GET /\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
    (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\ncontent-length: 0x1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", 400),
    (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n", 400),
    (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", 413),
    (b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000, 431),
]


@pytest.mark.parametrize(("sent", "status"), REFUSED, ids=lambda value: repr(value)[:40])
def test_what_cannot_be_framed_is_refused(sent: bytes, status: int) -> None:
    framer = Framer()
    framer.feed(sent)
    with pytest.raises(BadRequest) as refused:
        framer.next()
    assert refused.value.status == status
    with OpenAIServer() as server, connect(server.port) as client:
        client.sendall(sent)
        assert read_to_end(client).startswith(b"HTTP/1.1 %d " % status)


def test_pipelined_requests_are_answered_in_order() -> None:
    with OpenAIServer() as server, connect(server.port) as client:
        client.sendall(b"".join(post(chat(f"number {n}")) for n in range(20)))
        for n in range(20):
            # Replies may share segments, so one is read to its length and the rest is peeked at.
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = b""
            while len(body) < length:
                body += client.recv(length - len(body))
            assert json.loads(body)["choices"][0]["message"]["content"] == f"number {n}"
    assert len(server.connections) == 1 and server.connections[0].requests == 20


def test_a_body_is_asked_for_when_the_client_waits_to_be() -> None:
    request = post(chat(), headers=["expect: 100-continue"])
    head, _, body = request.partition(b"\r\n\r\n")
    with OpenAIServer() as server, connect(server.port) as client:
        client.sendall(head + b"\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert reply_of(client)[0] == 200


@pytest.mark.parametrize("sent", [post(chat(), headers=["connection: close"]), b"GET /v1/models HTTP/1.0\r\n\r\n"])
def test_a_connection_that_is_not_kept_is_closed_after_its_reply(sent: bytes) -> None:
    with OpenAIServer(["small"]) as server, connect(server.port) as client:
        client.sendall(sent)
        got = read_to_end(client)
        assert got.startswith(b"HTTP/1.1 200 ") and b"connection: close" in got
        assert server.connections[0].closed_by == "server"


def test_a_large_body_comes_through() -> None:
    text = "a" * 3_000_000
    with OpenAIServer() as server, connect(server.port) as client:
        client.sendall(post(chat(text)))
        assert json.loads(reply_of(client)[2])["choices"][0]["message"]["content"] == text
