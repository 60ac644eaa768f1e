"""Faults of the message: the bytes arrive, and what they say is an error, refused, too large or wrong."""

from __future__ import annotations

import base64
import copy
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any, Literal

from .fault import Fault, Scene
from .response import Response, encode, error

__all__ = [
    "BadJson",
    "ManyHeaders",
    "NotFinite",
    "OversizeBody",
    "OversizeHeaders",
    "Redirect",
    "Refused",
    "ServerError",
    "TooManyRequests",
    "WrongShape",
    "WrongUsage",
]


@dataclass(frozen=True, slots=True)
class TooManyRequests(Fault):
    """429, and when to come back: in seconds, as an HTTP date, or in `retry-after-ms`; `None` says nothing."""

    retry_after_s: float | None = 1.0
    form: Literal["seconds", "date", "ms"] = "seconds"

    def change(self, response: Response, scene: Scene) -> Response:
        """The error, with its header."""
        refusal = error(429, "Rate limit reached; try again later.", "rate_limit_exceeded", "rate_limit_error")
        after = self.retry_after_s
        if after is None:
            return refusal
        if self.form == "ms":
            return replace(refusal, headers=(("retry-after-ms", f"{after * 1000:g}"),))
        value = f"{after:g}" if self.form == "seconds" else formatdate(scene.now_s + after, usegmt=True)
        return replace(refusal, headers=(("retry-after", value),))


@dataclass(frozen=True, slots=True)
class ServerError(Fault):
    """A 5xx; with `times=n` a burst of them, after which all is well. `retry_after_s` adds a Retry-After."""

    status: int = 503
    retry_after_s: float | None = None

    def change(self, response: Response, scene: Scene) -> Response:
        """The error."""
        headers = () if self.retry_after_s is None else (("retry-after", f"{self.retry_after_s:g}"),)
        return replace(error(self.status, "The server had an error.", None, "server_error"), headers=headers)


@dataclass(frozen=True, slots=True)
class Refused(Fault):
    """Content that is refused: a reply that ends with `finish_reason` content_filter, or a 400 with that code."""

    form: Literal["finish_reason", "content_filter", "content_policy_violation"] = "finish_reason"

    def change(self, response: Response, scene: Scene) -> Response:
        """A reply without content, or the error."""
        if self.form != "finish_reason":
            return error(400, "The content was refused by the content policy.", self.form)
        documents = copy.deepcopy(response.documents)
        for choice in choices(documents):
            if "message" in choice:
                choice["message"]["content"] = None
            elif "text" in choice:
                choice["text"] = ""
            elif choice.get("delta", {}).get("content"):
                choice["delta"] = {}
            if not response.stream or choice.get("finish_reason") is not None:
                choice["finish_reason"] = "content_filter"
        return replace(response, documents=documents)


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """Sends the client elsewhere; one that follows would send its key there."""

    to: str = "http://127.0.0.1:9/v1/chat/completions"
    status: int = 302

    def change(self, response: Response, scene: Scene) -> Response:
        """The status and the Location."""
        return replace(error(self.status, "moved", None), headers=(("location", self.to),))


@dataclass(frozen=True, slots=True)
class BadJson(Fault):
    """A body that is not JSON (`html`), or JSON that is cut half-way under a matching length (`cut`)."""

    form: Literal["html", "cut"] = "html"

    def change(self, response: Response, scene: Scene) -> Response:
        """The same head over another body."""
        if self.form == "html":
            return replace(response, body=b"<html><body><h1>502 Bad Gateway</h1></body></html>")
        whole = encode(response.documents[0])
        return replace(response, body=whole[: len(whole) // 2])


@dataclass(frozen=True, slots=True)
class WrongShape(Fault):
    """JSON of another shape. For embeddings read `data` for choices, and the vector for content.

    `no_choices`: the key is absent; `empty_choices`: an empty list; `choices_object`: an object in place of the list;
    `content_not_text`: a number in place of the text, text in place of a vector; `not_an_object`: a bare list.
    """

    form: Literal["no_choices", "empty_choices", "choices_object", "content_not_text", "not_an_object"] = "no_choices"

    def change(self, response: Response, scene: Scene) -> Response:
        """Each document in the wrong shape."""
        if self.form == "not_an_object":
            return replace(response, documents=tuple([document] for document in response.documents))
        documents = copy.deepcopy(response.documents)
        for document in documents:
            key = "choices" if "choices" in document else "data"
            if key not in document:
                continue
            if self.form == "no_choices":
                del document[key]
            elif self.form == "empty_choices":
                document[key] = []
            elif self.form == "choices_object":
                document[key] = {str(at): item for at, item in enumerate(document[key])}
            else:
                for item in document[key]:
                    _content_of_another_type(item)
        return replace(response, documents=documents)


@dataclass(frozen=True, slots=True)
class NotFinite(Fault):
    """A number that is not finite, first in each vector and in the log probabilities; without either nothing changes.

    In JSON it is written as `NaN`, `Infinity` or `-Infinity`, which is what Python's own encoder does.
    """

    value: Literal["nan", "inf", "-inf"] = "nan"

    def change(self, response: Response, scene: Scene) -> Response:
        """Each document with the number in it."""
        documents = copy.deepcopy(response.documents)
        number = float(self.value)
        for choice in choices(documents):
            logprobs = choice.get("logprobs") or {}
            if logprobs.get("content"):
                logprobs["content"][0]["logprob"] = number
            if logprobs.get("token_logprobs"):
                logprobs["token_logprobs"][0] = number
        for document in documents:
            for item in document.get("data", ()):
                if isinstance(item.get("embedding"), list):
                    item["embedding"][0] = number
                elif isinstance(item.get("embedding"), str):
                    packed = struct.pack("<f", number) + base64.b64decode(item["embedding"])[4:]
                    item["embedding"] = base64.b64encode(packed).decode()
        return replace(response, documents=documents)


@dataclass(frozen=True, slots=True)
class WrongUsage(Fault):
    """Token counts that cannot be true: below 0, absent, with a fraction, beyond 64 bits, or text."""

    form: Literal["negative", "missing", "fraction", "huge", "text"] = "negative"

    def change(self, response: Response, scene: Scene) -> Response:
        """Each document that has counts with others."""
        documents = copy.deepcopy(response.documents)
        wrong: dict[str, Any] = {"negative": -7, "fraction": 1.5, "huge": 10**30, "text": "12"}
        for document in documents:
            if not document.get("usage"):
                continue
            if self.form == "missing":
                del document["usage"]
            else:
                document["usage"] = dict.fromkeys(document["usage"], wrong[self.form])
        return replace(response, documents=documents)


@dataclass(frozen=True, slots=True)
class OversizeBody(Fault):
    """A right reply, followed by `size_bytes` of spaces. Without `stated`, no Content-Length warns of it."""

    size_bytes: int = 64 * 1024 * 1024
    stated: bool = True

    def change(self, response: Response, scene: Scene) -> Response:
        """The reply with its padding; a stream becomes one document."""
        return Response(
            response.status,
            response.documents,
            headers=response.headers,
            padding=self.size_bytes,
            chunked=not self.stated,
        )


@dataclass(frozen=True, slots=True)
class OversizeHeaders(Fault):
    """A right reply with one header of `size_bytes`."""

    size_bytes: int = 1024 * 1024

    def change(self, response: Response, scene: Scene) -> Response:
        """The reply with the header."""
        return replace(response, headers=(*response.headers, ("x-padding", "a" * self.size_bytes)))


@dataclass(frozen=True, slots=True)
class ManyHeaders(Fault):
    """A right reply with `count` headers more."""

    count: int = 5000

    def change(self, response: Response, scene: Scene) -> Response:
        """The reply with the headers."""
        more = tuple((f"x-padding-{number}", "a") for number in range(self.count))
        return replace(response, headers=(*response.headers, *more))


def choices(documents: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """Every choice of every document."""
    for document in documents:
        yield from document.get("choices", ())


def _content_of_another_type(item: dict[str, Any]) -> None:
    if "embedding" in item:
        item["embedding"] = "not a vector"
    elif "message" in item:
        item["message"]["content"] = 17
    elif "delta" in item:
        item["delta"]["content"] = 17
    else:
        item["text"] = 17
