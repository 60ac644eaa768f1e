"""What goes in and what comes back: requests as they are read, and replies of members.

An input may be text, chat messages (`[{"role": …, "content": …}]`), any JSON, or an array of numbers. Whatever it is,
features are taken from its *text*; an array has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .errors import EmptyInput, InvalidRequest, InvalidUtf8

__all__ = ["Reply", "read_input"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a Python member may return instead of a bare output.

    `confidence` is the leg confidence, calibrated P(right) in [0, 1]; tokens feed the ledger.

    >>> Reply("refund", confidence=0.93).output
    'refund'
    """

    output: Any
    confidence: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


def read_input(data: Any) -> tuple[str, str, int]:
    """The text to route by, the modality, and the size in bytes of the whole input.

    >>> read_input("Where is my card?")
    ('Where is my card?', 'text', 17)
    >>> read_input([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi!"}])
    ('Hi!', 'text', 12)
    >>> read_input({"order": 4471})
    ('{"order": 4471}', 'json', 15)

    Raises:
        EmptyInput: there is nothing in it.
        InvalidUtf8: bytes that are not UTF-8, or a string with a lone surrogate.
        InvalidRequest: something that is neither text, JSON nor an array.
    """
    if isinstance(data, str):
        text, modality = data, "text"
    elif isinstance(data, bytes | bytearray):
        try:
            text, modality = data.decode(), "text"
        except UnicodeDecodeError as error:
            raise InvalidUtf8(position=error.start) from error
    elif hasattr(data, "__array_interface__"):
        if data.size == 0:
            raise EmptyInput
        return "", "array", int(data.nbytes)
    elif _is_chat(data):
        text, modality = _last_user_turn(data), _chat_modality(data)
        if not text.strip() and modality == "text":
            raise EmptyInput
        return text, modality, _chat_bytes(data)
    else:
        try:
            text, modality = json.dumps(data, ensure_ascii=False, allow_nan=False), "json"
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequest(
                problem=f"the input is neither text, JSON nor an array: {error}; send one of those"
            ) from error
        if not data and data is not False and data != 0:
            raise EmptyInput
    if not text.strip():
        raise EmptyInput
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidUtf8(position=error.start) from error
    return text, modality, size


def _is_chat(data: Any) -> bool:
    return (
        isinstance(data, list)
        and bool(data)
        and all(isinstance(turn, dict) and isinstance(turn.get("role"), str) and "content" in turn for turn in data)
    )


def _last_user_turn(turns: list[dict[str, Any]]) -> str:
    """What is asked now. Earlier turns are context for the member, not for the router."""
    for turn in reversed(turns):
        if turn["role"] == "user":
            content = turn["content"]
            if isinstance(content, list):  # parts, as in the OpenAI API
                return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
            return str(content)
    return ""


def _chat_modality(turns: list[dict[str, Any]]) -> str:
    """`text`, or the kind of the first part that is something else: `image`, `audio`, …"""
    for turn in turns:
        for part in turn["content"] if isinstance(turn["content"], list) else ():
            kind = part.get("type", "text") if isinstance(part, dict) else "text"
            if kind != "text":
                return str(kind).removesuffix("_url").removeprefix("input_")
    return "text"


def _chat_bytes(turns: list[dict[str, Any]]) -> int:
    """The size of all turns: a member reads the whole conversation, and is charged for it."""
    try:
        return sum(len(content.encode()) for content in _contents(turns))
    except UnicodeEncodeError as error:
        raise InvalidUtf8(position=error.start) from error


def _contents(turns: list[dict[str, Any]]) -> Iterator[str]:
    for turn in turns:
        content = turn["content"]
        yield content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, default=str)
