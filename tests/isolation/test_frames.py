"""What a worker says is read as strictly as what a stranger says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ecology.isolation import frames
from ecology.isolation.faults import BadFrame

FLOATS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("data", ["", "ä\0\ud800", None, True, 3, 2.5, [], {"a": [{}]}])
def test_json_comes_back_as_it_went(data: Any) -> None:
    shown, raw = frames.tree(data)
    message, rest = frames.unpack(*frames.split(frames.pack({"reply": shown}, raw)))
    assert frames.value(message["reply"], rest) == data


@pytest.mark.parametrize(
    "array", [FLOATS, FLOATS.T, FLOATS[:, :0], np.float32(3.5) * np.ones(()), FLOATS.astype(">f8")]
)
def test_an_array_comes_back_with_its_shape(array: Any) -> None:
    shown, raw = frames.tree(array, "<f4")
    back = frames.value(shown, raw)
    assert back.shape == array.shape and back.tolist() == array.astype(np.float32).tolist()


def test_an_array_of_objects_is_refused() -> None:
    with pytest.raises(TypeError, match="objects"):
        frames.tree(np.array([object()]))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"a": 1' + b"1" * 10_000 + b"}"])
def test_what_is_no_table_is_refused(text: bytes) -> None:
    with pytest.raises(BadFrame, match="no reply"):
        frames.unpack(text, b"")


@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (None, b""),
        ({}, b""),
        ({"json": 1}, b"x"),
        ({"json": 1, "array": 2}, b""),
        ({"array": None}, b""),
        ({"array": {"dtype": "<f4"}}, b""),
        ({"array": {"dtype": "<f8", "shape": [1]}}, b"12345678"),
        ({"array": {"dtype": "|O", "shape": [1]}}, b"12345678"),
        ({"array": {"dtype": ["<f4"], "shape": [1]}}, b"1234"),
        ({"array": {"dtype": "<f4", "shape": [2]}}, b"1234"),
        ({"array": {"dtype": "<f4", "shape": [-1]}}, b"1234"),
        ({"array": {"dtype": "<f4", "shape": [True]}}, b"1234"),
        ({"array": {"dtype": "<f4", "shape": 1}}, b"1234"),
        ({"array": {"dtype": "<f4", "shape": [1] * 40}}, b"1234"),
        ({"array": {"dtype": "<f4", "shape": [1 << 50, 0]}}, b""),
    ],
)
def test_what_is_no_value_is_refused(message: Any, raw: bytes) -> None:
    with pytest.raises(BadFrame):
        frames.value(message, raw)


def test_a_frame_is_refused_by_its_head_before_anything_is_read() -> None:
    with pytest.raises(BadFrame, match="the limit is 10"):
        frames.sizes(frames.HEAD.pack(1 << 31, 1), 10)
    assert frames.sizes(frames.HEAD.pack(6, 4), 10) == (6, 4)
