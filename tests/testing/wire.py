"""A client that knows nothing of HTTP: it sends bytes, and reads what comes until something ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from typing import Any

__all__ = ["ask", "chat", "connect", "post", "read_some", "read_to_end", "reply_of"]

PATIENCE_S = 10.0


def connect(port: int) -> socket.socket:
    """A connection with ten seconds of patience."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def chat(text: str = "Where is my card?", model: str = "small", **more: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}]} | more


def post(document: Any, path: str = "/v1/chat/completions", headers: Iterable[str] = ()) -> bytes:
    """A request as bytes."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    lines = [f"POST {path} HTTP/1.1", "host: localhost", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def read_to_end(client: socket.socket) -> bytes:
    """All that comes until the server closes or resets."""
    got = b""
    while True:
        try:
            part = client.recv(65_536)
        except ConnectionResetError:
            return got
        if not part:
            return got
        got += part


def read_some(client: socket.socket, silence_s: float) -> bytes:
    """All that comes until nothing has come for a while."""
    got = b""
    client.settimeout(silence_s)
    try:
        while part := client.recv(65_536):
            got += part
    except TimeoutError:
        return got
    raise AssertionError(f"the server closed after {got!r}")


def reply_of(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One reply that states its length: status, headers, body."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = client.recv(65_536)
        assert part, f"the server closed after {got!r}"
        got += part
    head, _, body = got.partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        part = client.recv(65_536)
        assert part, f"the server closed after {len(body)} bytes of the body"
        body += part
    return int(start.split()[1]), headers, body


def ask(port: int, document: Any, path: str = "/v1/chat/completions", headers: Iterable[str] = ()) -> tuple[int, Any]:
    """One request on a connection of its own: status and JSON."""
    with connect(port) as client:
        client.sendall(post(document, path, headers))
        status, _, body = reply_of(client)
    return status, json.loads(body)
