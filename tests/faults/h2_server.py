"""A server that speaks HTTP/2 (or 1.1) over TLS, or HTTP/2 on a plain connection, as little of it as the tests need.

Each request is handled by `act(stream)`: a text to reply, or one of the ways to misbehave.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, Self

import h2.config
import h2.connection
import h2.errors
import h2.events

__all__ = ["H2Server"]

Act = str | Literal["reset", "refuse", "goaway", "hold", "leave"]


def reply(text: str) -> bytes:
    """The document of a chat's reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}).encode()


class H2Server:
    """Serves on a free port of the loopback until the block ends. `http1` offers nothing but HTTP/1.1."""

    def __init__(
        self, act: Callable[[int], Act] = lambda _: "fine", context: ssl.SSLContext | None = None, http1: bool = False
    ) -> None:
        self._act, self._context, self._http1 = act, context, http1
        if context is not None:
            context.set_alpn_protocols(["http/1.1"] if http1 else ["h2", "http/1.1"])
        self.connections: list[str] = []
        self.at_once = self.most_at_once = self.requests = self.resets = 0
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def base_url(self, host: str = "127.0.0.1") -> str:
        """With the scheme that it speaks."""
        return f"http{'s' * (self._context is not None)}://{host}:{self.port}/v1"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, h2.exceptions.ProtocolError), client:
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
            with client:
                self._open.append(client)
                chosen = client.selected_alpn_protocol() if isinstance(client, ssl.SSLSocket) else "h2"
                self.connections.append(chosen or "none")
                (self._speak_http1 if self._http1 else self._speak_h2)(client)

    def _speak_http1(self, client: socket.socket) -> None:
        while True:
            seen = b""
            while b"\r\n\r\n" not in seen or not seen.endswith(b"]}"):
                piece = client.recv(65_536)
                if not piece:
                    return
                seen += piece
            self.requests += 1
            body = reply(str(self._act(self.requests)))
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    def _speak_h2(self, client: socket.socket) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        client.sendall(connection.data_to_send())
        while data := client.recv(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    connection.acknowledge_received_data(event.flow_controlled_length or 1, event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    self.resets += 1
                elif isinstance(event, h2.events.StreamEnded) and not self._answer(client, connection, event.stream_id):
                    return
            client.sendall(connection.data_to_send())

    def _answer(self, client: socket.socket, connection: Any, stream: int) -> bool:
        with self._lock:
            self.requests += 1
            act = self._act(self.requests)
        codes = h2.errors.ErrorCodes
        if act in ("reset", "refuse"):
            connection.reset_stream(stream, codes.INTERNAL_ERROR if act == "reset" else codes.REFUSED_STREAM)
        elif act == "goaway":
            connection.close_connection(codes.ENHANCE_YOUR_CALM, last_stream_id=0)
            client.sendall(connection.data_to_send())
            return False
        elif act == "leave":
            return False
        elif act == "hold":
            self._hold(connection, stream)
        else:
            self._send(connection, stream, act)
        return True

    def _hold(self, connection: Any, stream: int) -> None:
        """Replies when four requests are there at once."""
        self._held = [*getattr(self, "_held", []), stream]
        self.most_at_once = max(self.most_at_once, len(self._held))
        if len(self._held) == 4:
            for each in self._held:
                self._send(connection, each, "together")
            self._held = []

    def _send(self, connection: Any, stream: int, text: str) -> None:
        connection.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
        connection.send_data(stream, reply(text), end_stream=True)
