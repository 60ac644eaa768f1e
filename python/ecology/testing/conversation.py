"""One connection of the server: reads requests, carries out the steps that were decided, notes how it ended.

Written for low overhead, since it is the far end of microbenchmarks: a request that is wholly in one segment is
framed, answered and written inside one callback of the loop, without a task, a future or a timer. It is a
`BufferedProtocol` because the loop's other kind allocates 256 KiB for each read: 14 µs of page faults a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, Protocol

from .fault import End, Fault, Phase, Scene, Step, Wait
from .framing import BadRequest, Framer
from .observed import Connection, Received
from .response import Response, error

if sys.platform == "linux":
    import fcntl
    import termios

__all__ = ["Conversation", "Host"]

Closer = Literal["client", "client_reset", "server", "server_reset"]

RESET_AT_CLOSE = struct.pack("ii", 1, 0)
UNREAD_AT_MOST = 1024 * 1024
DRAIN_S = 0.002
LINGER_S = 1.0


class Host(Protocol):
    """What a conversation needs of its server."""

    @property
    def inbox(self) -> memoryview:
        """Where what is read lands; taken out before anything else is read, so all conversations share it."""

    def opened(self, conversation: Conversation) -> Connection:
        """A connection came."""

    def ended(self, conversation: Conversation) -> None:
        """Nobody will hear of it again."""

    def closed(self) -> None:
        """Somebody closed a connection."""

    def next_if(self, phase: Phase) -> Fault | None:
        """Take the next fault of the script if it breaks off at `phase`."""

    def received(self, received: Received) -> Response:
        """A request came; its fault is noted in it."""

    def scene(self) -> Scene:
        """What a fault may know."""

    def watch(self, descriptor: int, conversation: Conversation) -> bool:
        """Tell the conversation when its client leaves although nothing is read; whether that is possible."""


class Conversation(asyncio.BufferedProtocol):
    """The protocol of one connection."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._inbox = host.inbox
        self._framer = Framer()
        self._busy = False  # a fault's steps are under way
        self._blocked = False  # more is written than the client takes
        self._deaf = False  # what comes is thrown away
        self._steps: Iterator[Step] | None = None
        self._keep_alive = True
        self._continued = False
        self._timer: asyncio.Handle | None = None
        self._transport: Any = None  # a private transport of the selector loop; its base class lacks half of this
        self._loop: asyncio.AbstractEventLoop | None = None
        self._note: Connection | None = None
        self._undrained = sys.maxsize
        self._drained_at = 0.0

    # --- what the loop tells ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came; a script may have its next fault at this point."""
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        # asyncio does so by itself only for sockets that name their protocol; the pieces of a stream would wait 40 ms.
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._note = self._host.opened(self)
        fault = self._host.next_if(Phase.BEFORE_READING)
        if fault is not None:
            self._leave_unread(fault)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._inbox

    def buffer_updated(self, nbytes: int) -> None:
        """Some bytes came."""
        if self._deaf:
            return
        data = bytes(self._inbox[:nbytes])
        if self._busy:
            self._framer.feed(data)
            if self._framer.waiting_bytes > UNREAD_AT_MOST:
                self._transport.pause_reading()
            return
        if not self._framer.waiting_bytes:
            fault = self._host.next_if(Phase.BEFORE_READING)
            if fault is not None:
                self._leave_unread(fault)
                return
        self._framer.feed(data)
        self._serve()

    def eof_received(self) -> bool:
        """The client closed its side; whatever was due, it will not wait for it."""
        self._closed("client")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is None:
            self._closed("server")  # unless somebody else was first
        else:
            self._closed("client_reset")
        self._stop()
        self._host.ended(self)

    def pause_writing(self) -> None:
        """The client takes less than is written."""
        self._blocked = True

    def resume_writing(self) -> None:
        """It caught up."""
        self._blocked = False
        if self._steps is not None and self._timer is None and self._loop is not None:
            # Not at once: an abort inside this call would tell the transport twice that it is lost.
            self._timer = self._loop.call_soon(self._advance)

    # --- requests -----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        framer, note = self._framer, self._note
        assert note is not None
        while not self._busy and not self._transport.is_closing():
            try:
                request = framer.next()
            except BadRequest as problem:
                self._carry(iter((*error(problem.status, str(problem), None).wire, End.CLOSE)))
                return
            if request is None:
                if framer.waits_for_continue and not self._continued:
                    self._continued = True
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self._continued = False
            head, body = request
            note.requests += 1
            received = Received(0, note.number, time.monotonic(), head, body)
            response = self._host.received(received)
            if not head.keep_alive:
                self._keep_alive = False
                response = _closing(response)
            if received.fault is not None:
                self._carry(received.fault.steps(response, self._host.scene()))
                continue
            for piece in response.wire:
                note.bytes_sent += len(piece)
                self._transport.write(piece)
            if not head.keep_alive:
                self._end("server")

    def _carry(self, steps: Iterator[Step]) -> None:
        self._busy = True
        self._steps = steps
        self._advance()

    def _advance(self) -> None:
        """Take steps until one has to wait."""
        self._timer = None
        steps, note = self._steps, self._note
        assert self._loop is not None and note is not None
        if steps is None or self._transport.is_closing():
            return
        for step in steps:
            if isinstance(step, bytes):
                note.bytes_sent += len(step)
                self._transport.write(step)
                # A client that has left is told nothing more; asyncio would complain of each piece.
                if self._blocked or self._transport.is_closing():
                    return
            elif isinstance(step, Wait):
                self._timer = self._loop.call_later(step.ms / 1000, self._advance)
                return
            else:
                self._break_off(step)
                return
        self._steps = None
        self._busy = False
        if not self._keep_alive:
            self._end("server")
            return
        self._transport.resume_reading()
        self._loop.call_soon(self._serve)

    # --- ends ---------------------------------------------------------------------------------------------

    def _leave_unread(self, fault: Fault) -> None:
        """A fault before the request is read: nothing is taken from the socket any more."""
        self._busy = self._deaf = True
        # Without a watch, a client that leaves is only noticed by reading: then what comes is thrown away.
        if self._host.watch(self._transport.get_extra_info("socket").fileno(), self):
            self._transport.pause_reading()
        self._carry(fault.steps(Response(documents=({},)), self._host.scene()))

    def client_left(self, reset: bool) -> None:
        """The watch saw the client go."""
        self._closed("client_reset" if reset else "client")
        self._transport.abort()

    def _break_off(self, end: End) -> None:
        self._steps = None
        if end is End.HANG:
            return
        connection = self._transport.get_extra_info("socket")
        if end is End.RESET and self._drains(connection):
            assert self._loop is not None
            self._steps = iter((end,))
            self._timer = self._loop.call_later(DRAIN_S, self._advance)
        elif end is End.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            self._closed("server_reset")
            self._transport.abort()
        else:
            self._end("server")

    def _drains(self, connection: socket.socket) -> bool:
        """Whether something that was written is still on its way, and moving: an RST would throw it away."""
        left = self._transport.get_write_buffer_size() + _unacknowledged(connection)
        now = time.monotonic()
        if left < self._undrained:
            self._undrained, self._drained_at = left, now
        return left > 0 and now - self._drained_at < LINGER_S

    def _end(self, closer: Closer) -> None:
        """A FIN. To close a socket while something in it is unread would send an RST, so the rest is read first."""
        assert self._loop is not None
        self._closed(closer)
        self._busy = self._deaf = True
        with contextlib.suppress(OSError):
            self._transport.write_eof()
            self._transport.resume_reading()
        self._timer = self._loop.call_later(LINGER_S, self._transport.abort)

    def abort(self) -> None:
        """Close at once: the server closes."""
        self._closed("server")
        self._stop()
        self._transport.abort()

    def _closed(self, closer: Closer) -> None:
        note = self._note
        if note is not None and note.closed_at is None:
            note.closed_at = time.monotonic()
            note.closed_by = closer
            self._host.closed()

    def _stop(self) -> None:
        self._steps = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _unacknowledged(connection: socket.socket) -> int:
    """The bytes that the kernel holds for the client; 0 where it does not tell."""
    if sys.platform != "linux":
        return 0
    return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def _closing(response: Response) -> Response:
    return replace(response, headers=(*response.headers, ("connection", "close")))
