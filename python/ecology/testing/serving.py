"""A small population around members made in Python, for the tests of a plan or a policy; no file is read or written.

>>> from ecology.testing import mock, population
>>> small, large = mock("card", confidence=0.3), mock("refund", confidence=0.9)
>>> cascade = {"default_plan": {"kind": "cascade", "leg_confidence": 0.8}}
>>> with population({"small": small, "large": large}, policy=cascade) as ecology:
...     ecology.answer("Where is my money?").output
'refund'
>>> small.calls == large.calls == ["Where is my money?"]
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..ecology import Ecology
from ..engine.description import check_description
from .held import hold, let_go
from .mocks import Mock, mock

__all__ = ["population"]

Member = Mock | Callable[[Any], Any] | Mapping[str, Any]


@contextmanager
def population(
    models: Mapping[str, Member],
    policy: Mapping[str, Any] | BaseModel | None = None,
    *,
    root: Path | None = None,
    name: str = "test",
) -> Iterator[Ecology]:
    """Serve `models` by name until the block ends.

    A model is a `mock(…)`, a function of the input, or what a description says of it (paths are under `root`). Where
    nothing else is said each is a thousandth of a dollar dearer than the one before, and routing has no opinion
    (`min_decision_confidence` is 0), so that they are asked in the order in which they are written. `policy` is that of
    a description, as dictionaries or as the package's own values.

    Raises:
        InvalidPopulation: with every violation, as for a file.
    """
    targets: list[str] = []
    try:
        document = {
            "name": name,
            "models": [
                {"name": each, "price": {"usd_per_call": at / 1000}} | _facts(each, member, targets)
                for at, (each, member) in enumerate(models.items(), 1)
            ],
            "policy": {"routing": {"min_decision_confidence": 0.0}} | _plain(policy or {}),
        }
        folder = Path(__file__).parent if root is None else root
        with Ecology(check_description(document, folder, "population(…)")) as ecology:
            yield ecology
    finally:
        let_go(targets)


def _facts(name: str, member: Member, targets: list[str]) -> dict[str, Any]:
    """What a description would say of it."""
    if isinstance(member, Mapping):
        return {key: _plain(value) for key, value in member.items()}
    made = member if isinstance(member, Mock) else mock(member)
    targets.append(hold(name, made.answer if made.place == "thread" else made.answer_async))
    backend = {"kind": "callable", "target": targets[-1]}
    return {"backend": backend} | {key: _plain(value) for key, value in made.facts.items()}


def _plain(value: Any) -> Any:
    """Configuration values as the tables that they stand for."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
