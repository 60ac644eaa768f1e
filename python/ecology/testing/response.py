"""A reply before it is sent: still documents, so that a fault can change them, and the bytes that they become.

>>> hello = Response(documents=({"hello": "world"},))
>>> hello.head.decode().splitlines()
['HTTP/1.1 200 OK', 'content-type: application/json', 'content-length: 17', '']
>>> hello.pieces
(b'{"hello":"world"}',)
>>> Response(documents=({"n": 1},), stream=True).pieces
(b'f\\r\\ndata: {"n":1}\\n\\n\\r\\n', b'e\\r\\ndata: [DONE]\\n\\n\\r\\n', b'0\\r\\n\\r\\n')
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

__all__ = ["Response", "error"]

REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Response:
    """One document as JSON, or with `stream` each document as an event, and `[DONE]` after the last.

    `body` stands in place of the documents where a fault sends what is not JSON; a stream sends it as one event.
    `length` is the Content-Length to claim when it is not the true one. `padding` bytes of spaces follow the body of a
    reply that is not a stream; they are made while they are sent. `chunked` sends a body without stating its length.
    """

    status: int = 200
    documents: tuple[Any, ...] = ()
    stream: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    length: int | None = None
    padding: int = 0
    chunked: bool = False

    @cached_property
    def content(self) -> bytes:
        """The body of a reply that is not a stream, without its padding."""
        return self.body if self.body is not None else encode(self.documents[0])

    @cached_property
    def head(self) -> bytes:
        """The status line and the header block with its empty line."""
        chunked = self.stream or self.chunked
        kind = "text/event-stream" if self.stream else "application/json"
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}", f"content-type: {kind}"]
        if chunked:
            lines.append("transfer-encoding: chunked")
        else:
            lines.append(f"content-length: {len(self.content) + self.padding if self.length is None else self.length}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    @cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """What follows the head, in the pieces that are written: one, or one a chunk. Padding is not in it."""
        if self.stream:
            whole = self.body is not None
            events = [self.body] if self.body is not None else [encode(document) for document in self.documents]
            framed = [chunk(b"data: " + event + b"\n\n") for event in events]
            return (*framed, *(() if whole else (chunk(b"data: [DONE]\n\n"),)), LAST_CHUNK)
        if self.chunked:
            return (chunk(self.content), LAST_CHUNK)
        return (self.content,)

    @cached_property
    def wire(self) -> tuple[bytes, ...]:
        """Everything that is written, in pieces; the head goes with the first."""
        first, *rest = self.pieces
        return (self.head + first, *rest)


def error(status: int, message: str, code: str | None, kind: str = "invalid_request_error") -> Response:
    """An error as OpenAI words it.

    >>> error(404, "no such model", "model_not_found").documents[0]["error"]["code"]
    'model_not_found'
    """
    return Response(status, ({"error": {"message": message, "type": kind, "param": None, "code": code}},))


def encode(document: Any) -> bytes:
    """JSON as bytes. Numbers that are not finite become `NaN` and `Infinity`, which no JSON has: faults want that."""
    return _ENCODE(document).encode("utf-8", "surrogatepass")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body (RFC 9112 §7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
