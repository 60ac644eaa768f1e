"""What goes in is read as text, JSON or an array, or refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecology.errors import EmptyInput, InputTooLarge, InvalidRequest, InvalidUtf8
from ecology.messages import Reply, read_input

USER = {"role": "user", "content": "Where?"}

# what goes in → text, modality, bytes
READ: dict[str, tuple[Any, tuple[str, str, int]]] = {
    "text": ("Where is my card?", ("Where is my card?", "text", 17)),
    "spaces are kept": ("  hi\n", ("  hi\n", "text", 5)),
    "bytes are counted": ("é日😀", ("é日😀", "text", 9)),
    "bytes": ("é".encode(), ("é", "text", 2)),
    "bytearray": (bytearray(b"hi"), ("hi", "text", 2)),
    "chat": ([{"role": "system", "content": "x"}, USER, {"role": "assistant", "content": "y"}], ("Where?", "text", 8)),
    "the last turn": ([USER, USER | {"content": "When?"}], ("When?", "text", 11)),
    "parts": ([USER | {"content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"text": "b"}, "c"]}],
              ("a\n\nb", "image", 74)),
    "object": ({"ä": [1, None, True]}, ('{"ä": [1, null, true]}', "json", 23)),
    "list": ([1, 2], ("[1, 2]", "json", 6)),
    "a list that is nearly a chat": ([{"role": "user"}], ('[{"role": "user"}]', "json", 18)),
    "number": (4.5, ("4.5", "json", 3)),
    "zero": (0, ("0", "json", 1)),
    "false": (False, ("false", "json", 5)),
    "array": (np.zeros((2, 3), dtype=np.float32), ("", "array", 24)),
    "one number as an array": (np.float64(1.5), ("", "array", 8)),
}  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), READ.values(), ids=READ.keys())
def test_an_input_is_read(data: Any, expected: tuple[str, str, int]) -> None:
    assert read_input(data) == expected


REFUSED: dict[str, tuple[Any, type[InvalidRequest], int | None]] = {
    "empty": ("", EmptyInput, None),
    "spaces": ("\u00a0\u2003\r\n", EmptyInput, None),
    "nothing": (None, EmptyInput, None),
    "no turns": ([], EmptyInput, None),
    "no user": ([{"role": "assistant", "content": "x"}], EmptyInput, None),
    "a user who says nothing": ([USER | {"content": ""}], EmptyInput, None),
    "empty array": (np.zeros((3, 0)), EmptyInput, None),
    "latin-1": (b"caf\xe9", InvalidUtf8, 3),
    "overlong": (b"ab\xc0\x80", InvalidUtf8, 2),
    "a surrogate": ("ab\udc00", InvalidUtf8, 2),
    "a surrogate in JSON": ({"a": "\ud800"}, InvalidUtf8, None),
    "an object": (object(), InvalidRequest, None),
    "a set": ({1}, InvalidRequest, None),
    "NaN": (float("nan"), InvalidRequest, None),
    "a tuple key": ({(1, 2): 3}, InvalidRequest, None),
}


@pytest.mark.parametrize(("data", "kind", "position"), REFUSED.values(), ids=REFUSED.keys())
def test_an_input_is_refused(data: Any, kind: type[InvalidRequest], position: int | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_input(data)
    assert type(caught.value) is kind
    if position is not None:
        assert caught.value.facts()["position"] == position


def test_json_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for data in (loop, deep):
        with pytest.raises(InvalidRequest, match="send one of those"):
            read_input(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.one_of(st.text(), st.binary(), json_values))
def test_anything_is_read_or_refused_with_a_class_of_its_own(data: Any) -> None:
    try:
        text, modality, size = read_input(data)
    except InvalidRequest as error:
        assert str(error) and not isinstance(error, InputTooLarge)
        return
    assert size == len(text.encode()) and text.strip()
    if isinstance(data, str):
        assert (text, modality) == (data, "text")
    elif isinstance(data, bytes):
        assert (text, modality) == (data.decode(), "text")
    elif modality == "json":
        assert json.loads(text) == data


def test_a_reply_is_a_value() -> None:
    assert Reply("refund", 0.5) == Reply("refund", confidence=0.5, tokens_in=None, tokens_out=None)
    with pytest.raises(AttributeError):
        Reply("refund").confidence = 1.0  # type: ignore[misc]
