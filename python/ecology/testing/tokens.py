"""How the server counts: a token is as many whole characters as fit into four bytes of UTF-8.

So anybody can predict a usage: for ASCII it is the length divided by four, rounded up.

>>> count("Where is my card?"), tokens("größer")
(5, ['grö', 'ßer'])
"""

from __future__ import annotations

from typing import Any

__all__ = ["count", "first", "text_of", "tokens"]

BYTES = 4


def tokens(text: str) -> list[str]:
    """The tokens of `text`; joined they are `text`."""
    if text.isascii():
        return [text[at : at + BYTES] for at in range(0, len(text), BYTES)]
    pieces, piece, size = [], "", 0
    for character in text:
        wide = len(character.encode("utf-8", "surrogatepass"))
        if size + wide > BYTES:
            pieces.append(piece)
            piece, size = "", 0
        piece += character
        size += wide
    return [*pieces, piece] if piece else pieces


def count(text: str) -> int:
    """How many tokens `text` has."""
    return -(-len(text) // BYTES) if text.isascii() else len(tokens(text))


def first(text: str, most: int) -> str:
    """At most the first `most` tokens."""
    return text[: most * BYTES] if text.isascii() else "".join(tokens(text)[:most])


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""
