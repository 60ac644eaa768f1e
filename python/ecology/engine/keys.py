"""Which keys a description may have at each place, read off the pydantic models themselves.

pydantic's own paths name the member of a union that was tried (`backend.linear.path`); people wrote `backend.path`.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from ..backends import Backend, known
from .place import Loc

__all__ = ["clean", "fields", "home_of", "kinds"]


def clean(model: type[BaseModel], loc: Loc) -> tuple[Loc, Any]:
    """The path as it is in the file, and the type that is expected there (`None` where none is known)."""
    path: list[str | int] = []
    here: Any = model
    for piece in loc:
        tagged = kinds(here)
        if piece in tagged:
            here = tagged[str(piece)]
            continue
        path.append(piece)
        here = _step(here, piece)
    return tuple(path), here


def kinds(expected: Any) -> dict[str, type[BaseModel]]:
    """The members of a union by their `kind`; empty for anything else."""
    members = [member for member in _members(expected) if _is_model(member)]
    if len(members) < 2:
        return {}
    return {str(kind): member for member in members for kind in _literals(member.model_fields["kind"].annotation)}


def fields(expected: Any) -> dict[str, Any]:
    """The keys that a table of this type may have, with the type of each."""
    found: dict[str, Any] = {}
    for member in _members(expected):
        if _is_model(member):
            found |= {name: field.annotation for name, field in member.model_fields.items()}
    return found


def home_of(key: str, model: type[BaseModel], parent: Loc) -> str | None:
    """Where a key that is unknown at `parent` does belong: one table further in, or a table around it.

    `model` is what the whole description is read as; `parent` is pydantic's path of the table.
    """
    _, here = clean(model, parent)
    for name, inner in fields(here).items():
        if key in fields(inner):
            return f"it belongs in {name}: write {name} = {{ {key} = … }}"
    for depth in range(len(parent) - 1, 0, -1):
        _, around = clean(model, parent[:depth])
        if key in fields(around) and not kinds(around):
            return f"it belongs one table up, beside {parent[depth]}"
    return None


def _step(expected: Any, piece: str | int) -> Any:
    for member in _members(expected):
        arguments = get_args(member)
        if _is_model(member) and piece in member.model_fields:
            return member.model_fields[str(piece)].annotation
        if get_origin(member) is dict:
            return arguments[1]
        if get_origin(member) in (tuple, list, frozenset, set):
            return arguments[0]
    return None


def _members(expected: Any) -> Iterator[Any]:
    """What may stand there, without `Annotated` and `None`."""
    origin = get_origin(expected)
    if origin is Annotated:
        yield from _members(get_args(expected)[0])
    elif origin in (Union, UnionType):
        for member in get_args(expected):
            yield from _members(member)
    elif expected is Backend:
        yield from known().values()  # a backend is read as the class of its kind
    elif expected is not NoneType and expected is not None:
        yield expected


def _is_model(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, BaseModel)


def _literals(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()
