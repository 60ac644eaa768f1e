"""Which kinds of backend there are: those built in, those that this process registered, those that packages supply.

A package supplies one through the entry point group `ecology.backends`; its name is the kind:

    [project.entry-points."ecology.backends"]
    shout = "shouting:Shout"

Packages are looked through only when a description names a kind that is neither built in nor registered, so a plug-in
that nobody uses costs nothing and cannot break anything. A built-in kind always means the built-in.

>>> sorted(known())[:2], find("linear").__name__
(['callable', 'linear'], 'LinearBackend')
>>> try:
...     find("lineer")
... except BackendError as error:
...     print(error.problem, error.fix[:20])
there is no such kind did you mean linear?
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import Field, TypeAdapter
from pydantic_core import PydanticCustomError

from ..errors import BackendError
from .callable import CallableBackend
from .linear import LinearBackend
from .mock import MockBackend
from .onnx import OnnxBackend
from .openai import OpenAIBackend
from .protocol import Backend
from .router import RouterBackend

__all__ = ["BUILT_IN", "GROUP", "find", "known", "read", "register", "supplier"]

GROUP = "ecology.backends"
INSTALL = "install the package that supplies it, or give its class to ecology.backends.register"

# To add a kind, add its class.
BUILT_IN: dict[str, type[Backend]] = {
    "linear": LinearBackend,
    "onnx": OnnxBackend,
    "callable": CallableBackend,
    "openai": OpenAIBackend,
    "mock": MockBackend,
    "router": RouterBackend,
}

Kind = TypeVar("Kind", bound=type[Backend])

_lock = threading.Lock()
_plugged: dict[str, type[Backend]] = {}  # replaced as a whole, so that readers need no lock
_suppliers: dict[str, str] = {}


def known() -> dict[str, type[Backend]]:
    """The kinds that can be read without looking through packages: built in, registered, or used before."""
    return BUILT_IN | _plugged


def register(backend: Kind) -> Kind:
    """Make a kind known to this process; also as a decorator. For a backend in the application's own code, a notebook
    or a test; a package that others install declares an entry point, which the command line finds too.

    The same class again (a cell that is run twice) takes the place of the first.

    Raises:
        BackendError: it is no backend, or its kind is built in or taken by another class.
    """
    kind = _kind_of(backend, "?")
    problem = _misfit(backend)
    if problem is not None:
        raise BackendError(kind, *problem)
    with _lock:
        if kind in BUILT_IN:
            raise BackendError(kind, "the kind is built in", "give the backend another kind")
        other = _plugged.get(kind)
        if other is not None and _name(other) != _name(backend):
            raise BackendError(kind, f"{_name(other)} has this kind already", "give one of them another kind")
        _plug(kind, backend, "")
    return backend


def find(kind: str) -> type[Backend]:
    """The class of a kind, looking through packages when it is neither built in nor registered.

    Raises:
        BackendError: no package supplies it, or what one supplies cannot be used.
    """
    found = BUILT_IN.get(kind) or _plugged.get(kind)
    return _supplied(kind) if found is None else found


def supplier(kind: str) -> str | None:
    """`name==version` of the package that supplied a plug-in; `None` for kinds that no package supplied."""
    return _suppliers.get(kind)


def read(value: Any) -> Backend:
    """A description's table as the backend of its kind. pydantic shows what is wrong in it at its place."""
    if isinstance(value, Backend):
        return value
    kind = value.get("kind") if isinstance(value, dict) else None
    if isinstance(kind, str):
        try:
            find(kind)
        except BackendError as error:
            facts = {"kind": kind, "problem": error.problem, "fix": error.fix}
            raise PydanticCustomError("backend_kind", "backend {kind}: {problem}; {fix}", facts) from error
    return _reader(tuple(known().values())).validate_python(value)


@lru_cache(maxsize=8)
def _reader(classes: tuple[type[Backend], ...]) -> TypeAdapter[Backend]:
    union: Any = Annotated[Union[classes], Field(discriminator="kind")]  # noqa: UP007  # made of values
    return TypeAdapter(union)


def _supplied(kind: str) -> type[Backend]:
    installed = entry_points(group=GROUP)
    for point in installed:
        if point.name in BUILT_IN:
            problem = f'{_package(point)} supplies a backend of the kind "{point.name}", which is built in'
            raise BackendError(kind, problem, "uninstall it; a built-in kind cannot be replaced")
    offered = [point for point in installed if point.name == kind]
    if not offered:
        raise BackendError(kind, "there is no such kind", _near(kind, {*known(), *installed.names}))
    if len(offered) > 1:
        packages = " and ".join(sorted(_package(point) for point in offered))
        raise BackendError(kind, f"{packages} both supply it", "uninstall one of them")
    backend = _load(offered[0])
    with _lock:
        _plug(kind, backend, _package(offered[0]) if offered[0].dist is not None else "")
    return backend


def _load(point: EntryPoint) -> type[Backend]:
    """What an entry point names, if it is what it has to be."""
    origin = f"{_package(point)} names {point.value}"
    try:
        backend = point.load()
    except (Exception, SystemExit) as error:
        problem = f"{origin}, and importing that raised {type(error).__name__}: {error}"
        raise BackendError(point.name, problem, "repair or uninstall the package") from error
    misfit = _misfit(backend)
    if misfit is not None:
        raise BackendError(point.name, f"{origin}: {misfit[0]}", misfit[1])
    kind = _kind_of(backend, "")
    if kind != point.name:
        fix = f'name the entry point "{kind}", or write kind: Literal["{point.name}"]'
        raise BackendError(point.name, f'{origin}, whose kind is "{kind}"', fix)
    return backend  # type: ignore[no-any-return]  # checked above


def _misfit(backend: Any) -> tuple[str, str] | None:
    """Why something is no backend, and what to do."""
    if not (isinstance(backend, type) and issubclass(backend, Backend)):
        return "it is not a subclass of ecology.backends.Backend", "derive a class from that"
    if not _kind_of(backend, ""):
        return "it does not say its kind", 'write kind: Literal["…"] in it'
    if backend.load is Backend.load and backend.open is Backend.open:
        return "it has no load()", "write load(self, root), which gives what answers"
    return None


def _kind_of(backend: Any, otherwise: str) -> str:
    field = getattr(backend, "model_fields", {}).get("kind")
    said = get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()
    return str(said[0]) if len(said) == 1 else otherwise


def _plug(kind: str, backend: type[Backend], package: str) -> None:
    global _plugged, _suppliers
    _plugged = _plugged | {kind: backend}
    if package:
        _suppliers = _suppliers | {kind: package}


def _near(kind: str, kinds: set[str]) -> str:
    from difflib import get_close_matches  # here, since most processes never show this

    near = get_close_matches(kind.lower()[:200], kinds, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}known: {', '.join(sorted(kinds))}; {INSTALL}"


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name}=={point.dist.version}" if point.dist is not None else "an unnamed package"


def _name(backend: type) -> str:
    return f"{backend.__module__}.{backend.__qualname__}"


def _renew() -> None:
    """Who held the lock at a fork is not in the child."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
