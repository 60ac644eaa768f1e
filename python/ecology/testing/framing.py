"""Where one request ends and the next begins, however the bytes are cut (RFC 9112).

>>> framer = Framer()
>>> framer.feed(b"POST /v1/x HTTP/1.1\\r\\nContent-Le")
>>> framer.next() is None
True
>>> framer.feed(b"ngth: 2\\r\\n\\r\\nhiGET / HTTP/1.1\\r\\n\\r\\n")
>>> [(head.method, head.path, body) for head, body in (framer.next(), framer.next())]
[('POST', '/v1/x', b'hi'), ('GET', '/', b'')]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["BadRequest", "Framer", "Head"]

MAX_HEAD_BYTES = 65_536
MAX_BODY_BYTES = 256 * 1024 * 1024
KEPT_HEADS = 256
START_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.([01])")


class BadRequest(Exception):
    """What came is not a request that can be read; `status` says why in HTTP's words."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True)
class Head:
    """The start line and the header block, with what framing needs read out of it."""

    raw: bytes
    method: str
    path: str
    length: int
    chunked: bool
    keep_alive: bool
    expects_continue: bool
    authorization: str | None

    @cached_property
    def headers(self) -> dict[str, str]:
        """By lower-case name; several of one name are joined by commas."""
        found: dict[str, str] = {}
        for name, value in _fields(self.raw):
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found


class Framer:
    """Takes bytes as they come, gives requests as they are complete."""

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._searched = 0
        self._head: Head | None = None
        self._decoded = bytearray()
        # A client that keeps its connection sends the same header block again and again.
        self._heads: dict[bytes, Head] = {}

    @property
    def waiting_bytes(self) -> int:
        """What was fed and not yet given back."""
        return len(self._buffer) + len(self._decoded)

    @property
    def waits_for_continue(self) -> bool:
        """Whether the client holds its body back until it is asked for it."""
        return self._head is not None and self._head.expects_continue and not self.waiting_bytes

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if not self._buffer:
            self._buffer = data
            return
        if not isinstance(self._buffer, bytearray):
            self._buffer = bytearray(self._buffer)
        self._buffer += data

    def next(self) -> tuple[Head, bytes] | None:
        """The next request with its body, or `None` until more has come.

        Raises:
            BadRequest: what came cannot be read, or is too large; the connection is of no further use.
        """
        head = self._head
        if head is None:
            if not self._buffer:
                return None
            head = self._read_head()
            if head is None:
                return None
        if head.chunked:
            if not self._read_chunks():
                self._head = head
                return None
            body = bytes(self._decoded)
            self._decoded.clear()
        else:
            buffer, length = self._buffer, head.length
            if len(buffer) < length:
                self._head = head
                return None
            if len(buffer) == length:
                body, self._buffer = bytes(buffer), b""
            else:
                body, self._buffer = bytes(buffer[:length]), buffer[length:]
        self._head = None
        return head, body

    def _read_head(self) -> Head | None:
        buffer = self._buffer
        while buffer[:2] == b"\r\n":  # RFC 9112 §2.2: empty lines before a request are ignored
            buffer = self._buffer = buffer[2:]
            self._searched = 0
        end = buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if len(buffer) > MAX_HEAD_BYTES:
                raise BadRequest(431, "the header block is too large")
            self._searched = max(0, len(buffer) - 3)
            return None
        self._searched = 0
        if end > MAX_HEAD_BYTES:
            raise BadRequest(431, "the header block is too large")
        raw = bytes(buffer[:end])
        self._buffer = buffer[end + 4 :]
        head = self._heads.get(raw)
        if head is None:
            head = read_head(raw)
            if len(self._heads) >= KEPT_HEADS:
                self._heads.clear()
            self._heads[raw] = head
        return head

    def _read_chunks(self) -> bool:
        """Move whole chunks from the buffer to the body; whether the last one was there."""
        at, buffer = 0, self._buffer
        try:
            while True:
                line_end = buffer.find(b"\r\n", at)
                if line_end < 0:
                    if len(buffer) - at > 1024:
                        raise BadRequest(400, "a chunk has no size")
                    return False
                digits = bytes(buffer[at:line_end]).partition(b";")[0].strip()
                if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", digits):
                    raise BadRequest(400, "a chunk's size is not hexadecimal")
                size = int(digits, 16)
                if len(self._decoded) + size > MAX_BODY_BYTES:
                    raise BadRequest(413, "the body is too large")
                if size == 0:
                    end = self._end_of_trailers(line_end)
                    if end is None:
                        return False
                    at = end
                    return True
                start, stop = line_end + 2, line_end + 2 + size
                if len(buffer) < stop + 2:
                    return False
                if buffer[stop : stop + 2] != b"\r\n":
                    raise BadRequest(400, "a chunk is longer than its size")
                self._decoded += buffer[start:stop]
                at = stop + 2
        finally:
            if at:
                self._buffer = self._buffer[at:]

    def _end_of_trailers(self, line_end: int) -> int | None:
        if self._buffer[line_end + 2 : line_end + 4] == b"\r\n":
            return line_end + 4
        end = self._buffer.find(b"\r\n\r\n", line_end)
        if end < 0 and len(self._buffer) - line_end > MAX_HEAD_BYTES:
            raise BadRequest(431, "the trailers are too large")
        return None if end < 0 else end + 4


def read_head(raw: bytes) -> Head:
    """A header block, without the empty line that ends it.

    Raises:
        BadRequest: it is not HTTP/1.0 or 1.1, or two ways of framing the body contradict each other.
    """
    start = START_LINE.fullmatch(raw.partition(b"\r\n")[0])
    if start is None:
        raise BadRequest(400, "the start line is not that of an HTTP/1.1 request")
    fields: dict[str, set[str]] = {}
    for name, value in _fields(raw):
        fields.setdefault(name, set()).update(part.strip() for part in value.split(","))
    lengths, codings = fields.get("content-length", set()), fields.get("transfer-encoding", set())
    if codings and (lengths or {coding.lower() for coding in codings} != {"chunked"}):
        raise BadRequest(400, "the body is framed in a way that is not chunked, or in two ways")
    if len(lengths) > 1 or any(not re.fullmatch(r"[0-9]{1,18}", length) for length in lengths):
        raise BadRequest(400, "Content-Length is not one whole number")
    length = int(next(iter(lengths), "0"))
    if length > MAX_BODY_BYTES:
        raise BadRequest(413, "the body is too large")
    options = {option.lower() for option in fields.get("connection", set())}
    newer = start[3] == b"1"
    return Head(
        raw=raw,
        method=start[1].decode(),
        path=start[2].decode("latin-1").partition("?")[0],
        length=length,
        chunked=bool(codings),
        keep_alive="close" not in options and (newer or "keep-alive" in options),
        expects_continue="100-continue" in {each.lower() for each in fields.get("expect", set())},
        authorization=next((value for name, value in _fields(raw) if name == "authorization"), None),
    )


def _fields(raw: bytes) -> list[tuple[str, str]]:
    found = []
    for line in raw.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400, "a line of the header block is not a field")
        found.append((name.lower(), value.strip()))
    return found
