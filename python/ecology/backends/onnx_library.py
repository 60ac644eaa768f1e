"""Where onnxruntime's own library is: the one in its wheel, which the core calls without the interpreter.

Found without importing the package, which would cost a quarter of a second, and a second copy of the runtime in memory.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
from functools import cache
from pathlib import Path

from ..errors import ArtifactError

__all__ = ["find_library", "without_telemetry"]

OLDEST = (1, 24)  # the interface that the core is built for
INSTALL = f"run: pip install 'onnxruntime>={OLDEST[0]}.{OLDEST[1]}'"
NAMES = ("libonnxruntime.so*", "libonnxruntime*.dylib", "onnxruntime.dll")


def without_telemetry() -> None:
    """Keep onnxruntime from reporting what it runs, unless the environment says otherwise; call it before it is loaded.

    Newer wheels send usage to their makers over HTTPS. The thread that does so starts with the library, whatever is
    switched off later, and a child that is forked while it runs never gets through its exit.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@cache
def find_library() -> Path:
    """The library's file, to be loaded as it is; its version is one that the core can call, and it will send nothing.

    Raises:
        ArtifactError: onnxruntime is not installed, is too old, or came without its library.
    """
    without_telemetry()
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or not spec.submodule_search_locations:
        raise ArtifactError("onnxruntime", "it is not installed", INSTALL)
    folder = Path(spec.submodule_search_locations[0], "capi")
    files = [file for name in NAMES for file in sorted(folder.glob(name))]
    if not files:
        raise ArtifactError(str(folder), "onnxruntime came without its library", f"{INSTALL} --force-reinstall")
    file = files[-1]
    version = _version(file)
    # A library of an older interface could not say so itself: the first call into it would be the end of the process.
    if version is None or version < OLDEST:
        shown = "of an unknown version" if version is None else ".".join(map(str, version))
        raise ArtifactError(
            str(file), f"onnxruntime is {shown}, {OLDEST[0]}.{OLDEST[1]} is the oldest that serves", INSTALL
        )
    return file


def _version(file: Path) -> tuple[int, ...] | None:
    """As the file's name says, else the package's metadata."""
    named = re.search(r"\d+(\.\d+)+", file.name)
    try:
        words = named.group() if named else importlib.metadata.version("onnxruntime")
        return tuple(int(word) for word in words.split(".")[:2])
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
