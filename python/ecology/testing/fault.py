"""What a fault is: a pure function from the reply that was due to the steps that are taken instead.

A fault decides without I/O; `conversation.py` carries the steps out. So each can be tested without a socket:

>>> from .breaks import Close
>>> from .response import Response
>>> list(Close(Phase.AFTER_HEADERS).steps(Response(documents=({},)), Scene()))[-1]
<End.CLOSE: 'close'>
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from .response import LAST_CHUNK, Response, chunk

__all__ = ["End", "Fault", "Phase", "Scene", "Step", "Wait", "send", "until"]


class Phase(StrEnum):
    """How far a reply comes before it breaks off."""

    BEFORE_READING = "before_reading"
    """The connection is accepted, and no byte of the request is read."""
    BEFORE_HEADERS = "before_headers"
    """The request was read, and nothing is sent."""
    IN_HEADERS = "in_headers"
    """Half of the header block was sent."""
    AFTER_HEADERS = "after_headers"
    """The header block was sent, and nothing of the body."""
    IN_BODY = "in_body"
    """Half of the body was sent; of a stream, half of its events and half of the next."""


class End(StrEnum):
    """How a conversation breaks off."""

    HANG = "hang"
    """Nothing more is sent; the connection stays open until the client, or the server as a whole, closes it."""
    CLOSE = "close"
    """A FIN, after all that was sent."""
    RESET = "reset"
    """An RST (`SO_LINGER` of 0)."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing for `ms`."""

    ms: float


Step = bytes | Wait | End


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault may know beside the reply: the wall clock in Unix seconds, and randomness with a seed."""

    now_s: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(0))


@dataclass(frozen=True, slots=True)
class Fault:
    """The base: says what is sent. A fault that only changes the reply overrides `change`, any other one `steps`.

    `times`: how many requests it meets. Left out, that is one in a script, and every one where a fault stands for
    a model.
    """

    times: int | None = field(default=None, kw_only=True)

    @property
    def phase(self) -> Phase | None:
        """Where it breaks off, for the faults that do."""
        return None

    def change(self, response: Response, scene: Scene) -> Response:
        """The reply that is sent in place of `response`."""
        return response

    def steps(self, response: Response, scene: Scene) -> Iterator[Step]:
        """What is done in place of sending `response`."""
        yield from send(self.change(response, scene))


PADDING = b" " * 65536


def send(response: Response) -> Iterator[bytes]:
    """A whole reply."""
    if not response.padding:
        yield from response.wire
        return
    yield response.head
    yield chunk(response.content) if response.chunked else response.content
    left = response.padding
    while left:
        part = PADDING[:left]
        left -= len(part)
        yield chunk(part) if response.chunked else part
    if response.chunked:
        yield LAST_CHUNK


def until(response: Response, phase: Phase) -> Iterator[bytes]:
    """The part of a reply that is sent before it breaks off at `phase`."""
    if phase is Phase.IN_HEADERS:
        yield response.head[: len(response.head) // 2]
    elif phase is Phase.AFTER_HEADERS:
        yield response.head
    elif phase is Phase.IN_BODY:
        yield response.head
        pieces = response.pieces[:-1] if response.stream else response.pieces  # a last chunk ends it, so it is no half
        middle = len(pieces) // 2
        yield from pieces[:middle]
        yield pieces[middle][: max(1, len(pieces[middle]) // 2)]
