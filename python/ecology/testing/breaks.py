"""Faults of the connection: what is sent is right as far as it comes, or is not HTTP at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from .fault import End, Fault, Phase, Scene, Step, Wait, send, until
from .response import LAST_CHUNK, Response

__all__ = ["Close", "Delay", "Hang", "NotHttp", "Reset", "Trickle", "Truncated"]


@dataclass(frozen=True, slots=True)
class _Break(Fault):
    """Sends what is right up to a phase, and then ends in its own way."""

    at: Phase = Phase.BEFORE_HEADERS
    END: ClassVar[End]

    @property
    def phase(self) -> Phase:
        """Where it breaks."""
        return self.at

    def steps(self, response: Response, scene: Scene) -> Iterator[Step]:
        """What was sent by then, and the end."""
        yield from until(response, self.at)
        yield self.END


@dataclass(frozen=True, slots=True)
class Hang(_Break):
    """Goes silent at a phase, and keeps the connection open."""

    END = End.HANG


@dataclass(frozen=True, slots=True)
class Close(_Break):
    """Closes the connection cleanly (FIN) at a phase."""

    END = End.CLOSE


@dataclass(frozen=True, slots=True)
class Reset(_Break):
    """Resets the connection (RST) at a phase."""

    END = End.RESET


@dataclass(frozen=True, slots=True)
class Trickle(Fault):
    """Sends `part` in pieces of `size_bytes`, `interval_ms` apart: alive to an idle timeout, too slow for the total."""

    part: Literal["headers", "body"] = "body"
    interval_ms: float = 20.0
    size_bytes: int = 1

    def steps(self, response: Response, scene: Scene) -> Iterator[Step]:
        """The other part at once, this one piece by piece."""
        head, body = response.head, b"".join(response.pieces)
        slow = head if self.part == "headers" else body
        if self.part == "body":
            yield head
        for start in range(0, len(slow), self.size_bytes):
            yield Wait(self.interval_ms)
            yield slow[start : start + self.size_bytes]
        if self.part == "headers":
            yield body


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """Waits `ms` before anything is sent; then the reply, or what `then` makes of it."""

    ms: float = 100.0
    then: Fault | None = None

    def steps(self, response: Response, scene: Scene) -> Iterator[Step]:
        """A wait, and what comes after it."""
        yield Wait(self.ms)
        yield from send(response) if self.then is None else self.then.steps(response, scene)


@dataclass(frozen=True, slots=True)
class Truncated(Fault):
    """Sends the whole document, but promises `missing_bytes` more, and closes.

    The JSON can be read, so only a client that counts notices. A stream lacks its last chunk instead.
    """

    missing_bytes: int = 16

    def steps(self, response: Response, scene: Scene) -> Iterator[Step]:
        """The document under a length that is too large, and a FIN."""
        if response.stream:
            yield response.head
            yield from (piece for piece in response.pieces if piece != LAST_CHUNK)
        else:
            longer = len(response.content) + self.missing_bytes
            yield Response(response.status, headers=response.headers, body=response.content, length=longer).wire[0]
        yield End.CLOSE


@dataclass(frozen=True, slots=True)
class NotHttp(Fault):
    """Answers `size_bytes` of noise that is not HTTP, and closes."""

    size_bytes: int = 256

    def steps(self, response: Response, scene: Scene) -> Iterator[Step]:
        """Noise, and a FIN."""
        yield b"\x16\x03\x01" + scene.random.randbytes(self.size_bytes) + b"\r\n\r\n"
        yield End.CLOSE
