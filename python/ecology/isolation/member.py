"""A backend as a member whose code runs in processes of its own."""

from __future__ import annotations

import os
from pathlib import Path

from .. import _core
from ..backends import Backend, supplier
from ..backends.kinds import BUILT_IN
from ..errors import ArtifactError
from .limits import ProcessLimits

__all__ = ["isolated_member"]


def isolated_member(backend: Backend, limits: ProcessLimits, root: Path) -> _core.Member:
    """Start the first worker; nothing of the member is imported in this process.

    Raises:
        ArtifactError: the platform cannot isolate it as asked, or the worker cannot load it.
    """
    from .pool import Pool
    from .process import OpeningRefused, Setup

    what = f"isolated backend {backend.kind}"
    if os.name != "posix":
        raise ArtifactError(what, "only POSIX systems can limit a process", 'write isolation = "none"')
    pool = Pool(Setup(backend.model_dump(mode="json"), _importable(backend, what), root, limits))
    try:
        pool.open()
    except OpeningRefused as refused:
        raise ArtifactError(what, refused.problem, refused.fix) from refused
    return _core.python_member(pool, "thread", timed=True)


def _importable(backend: Backend, what: str) -> str | None:
    """Where a worker imports the class of a kind that only this process knows; `None` where the kind says it."""
    kind = type(backend)
    if kind in BUILT_IN.values() or supplier(backend.kind) is not None:
        return None
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        problem = f"{kind.__qualname__} cannot be imported by another process"
        raise ArtifactError(what, problem, "put it at the top of a module")
    return f"{kind.__module__}:{kind.__qualname__}"
