"""What passes between a process and the worker of an isolated member: JSON and the raw bytes of an array, length first.

Nothing is unpickled. What a worker says is read as strictly as what a stranger says: sizes are bounded before anything
is allocated, and an array is float32 of exactly the shape that it states.

>>> message, raw = unpack(*split(pack({"reply": tree([1, "ä"])[0]})))
>>> value(message["reply"], raw)
[1, 'ä']
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from .faults import BadFrame

__all__ = ["HEAD", "pack", "sizes", "split", "tree", "unpack", "value"]

HEAD = struct.Struct(">II")
MOST_DIMENSIONS = 32


def pack(message: dict[str, Any], raw: bytes = b"") -> bytes:
    """One frame."""
    text = json.dumps(message, ensure_ascii=False).encode(errors="surrogatepass")
    return HEAD.pack(len(text), len(raw)) + text + raw


def sizes(head: bytes, most_bytes: int) -> tuple[int, int]:
    """The lengths of the two parts of a frame.

    Raises:
        BadFrame: together they pass the bound.
    """
    text, raw = HEAD.unpack(head)
    if text + raw > most_bytes:
        size = text + raw
        raise BadFrame(f"the reply has {size} bytes, the limit is {most_bytes}; raise limits.reply_mb, or say less")
    return text, raw


def split(frame: bytes) -> tuple[bytes, bytes]:
    """The two parts of a whole frame."""
    text, _ = HEAD.unpack(frame[: HEAD.size])
    return frame[HEAD.size : HEAD.size + text], frame[HEAD.size + text :]


def unpack(text: bytes, raw: bytes) -> tuple[dict[str, Any], bytes]:
    """The message of a frame.

    Raises:
        BadFrame: it is no JSON table.
    """
    try:
        message = json.loads(text.decode(errors="surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise BadFrame(f"what came back is no reply: {error}") from error
    if not isinstance(message, dict):
        raise BadFrame("what came back is no reply: it is no table")
    return message, raw


def tree(data: Any, dtype: str | None = None) -> tuple[dict[str, Any], bytes]:
    """A value as JSON and raw bytes; an array becomes `dtype`, or stays what it is.

    Raises:
        TypeError, ValueError: it is neither JSON nor an array of plain numbers or text.
    """
    if not (hasattr(data, "__array_interface__") and hasattr(data, "astype")):
        return {"json": data}, b""
    import numpy as np

    array = np.ascontiguousarray(data if dtype is None else data.astype(dtype))
    if array.dtype.hasobject:
        raise TypeError("an array of objects cannot leave its process; give numbers or text")
    return {"array": {"dtype": array.dtype.str, "shape": list(np.shape(data))}}, array.tobytes()


def value(message: Any, raw: bytes, dtypes: tuple[str, ...] | None = ("<f4",)) -> Any:
    """The value that `tree` made; `dtypes` are those that are accepted (`None`: any, from a parent that is trusted).

    Raises:
        BadFrame: it is not of that form.
    """
    if isinstance(message, dict) and list(message) == ["json"] and not raw:
        return message["json"]
    stated = message.get("array") if isinstance(message, dict) and list(message) == ["array"] else None
    if not isinstance(stated, dict) or set(stated) != {"dtype", "shape"}:
        raise BadFrame("what came back is no value")
    dtype, shape = stated["dtype"], stated["shape"]
    sound = (
        isinstance(dtype, str)
        and (dtypes is None or dtype in dtypes)
        and isinstance(shape, list)
        and len(shape) <= MOST_DIMENSIONS
        and all(type(size) is int and 0 <= size < 1 << 40 for size in shape)
    )
    if not sound:
        raise BadFrame("what came back is no array of float32")
    import numpy as np

    kind = np.dtype(dtype)
    if math.prod(shape) * kind.itemsize != len(raw):
        raise BadFrame(f"the array has {len(raw)} bytes, which is not its shape {shape}")
    return np.frombuffer(bytearray(raw), kind).reshape(shape)  # a copy, since a member may write to its input
