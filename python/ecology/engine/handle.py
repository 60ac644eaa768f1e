"""The handle on the core: a description compiled, its members loaded, and swapped in as one.

Everything that can fail happens before the swap, so that a description with an error changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .. import _core
from ..errors import ArtifactError, InvalidPopulation, Violation
from ..population import Manifest
from .compile import baseline_of, compile_description
from .description import Description
from .learned import LoadedIntent, load_intent, load_router
from .members import load_member, survives_fork

__all__ = ["Compiled", "compile_population", "engine_of", "reopened"]


@dataclass(frozen=True)
class Compiled:
    """A description ready to serve."""

    description: Description
    spec: str
    members: list[_core.Member | None]
    router: _core.RouterWeights | None
    baseline: str | None
    uses_loop: bool
    intent: _core.IntentWeights | None = None


def compile_population(description: Description) -> Compiled:
    """Load every model that serves, the router, and what infers tasks.

    Raises:
        InvalidPopulation: with everything that cannot be loaded, each with its place.
    """

    def load(_: int, model: Manifest) -> _core.Member | None:
        serves = model.role.answers and model.stage.serves
        return load_member(model, description.root, description.policy) if serves else None

    members, violations = _loaded(description, load)
    router: _core.RouterWeights | None = None
    intent: LoadedIntent | None = None
    try:
        router = load_router(description)
    except ArtifactError as error:
        violations.append(Violation("policy.routing.router", f"{error.path}: {error.problem}", error.fix))
    try:
        intent = load_intent(description)
    except ArtifactError as error:
        violations.append(Violation("policy.routing.intent", f"{error.path}: {error.problem}", error.fix))
    features, disagreements = _features(description, members, router, intent)
    violations += disagreements
    if violations:
        raise InvalidPopulation(description.source, violations)
    baseline = baseline_of(description)
    return Compiled(
        description=description,
        spec=json.dumps(compile_description(description, features, None if intent is None else intent.spec())),
        members=members,
        router=router,
        baseline=None if baseline is None else baseline.id,
        uses_loop=any(member is not None and member.place == "loop" for member in members),
        intent=None if intent is None else intent.weights,
    )


def reopened(compiled: Compiled) -> Compiled:
    """The same in a forked child, with those members opened afresh that do not survive a fork.

    Raises:
        InvalidPopulation: with everything that cannot be opened again, or is no longer what the description names.
    """
    description = compiled.description

    def again(index: int, model: Manifest) -> _core.Member | None:
        member = compiled.members[index]
        if member is None or survives_fork(model):
            return member
        return load_member(model, description.root, description.policy)

    members, violations = _loaded(description, again)
    if violations:
        raise InvalidPopulation(description.source, violations)
    return replace(compiled, members=members)


def engine_of(compiled: Compiled, generation: int = 1) -> _core.Engine:
    """A new engine that serves it; swaps are counted from `generation`."""
    return _core.Engine(compiled.spec, compiled.members, compiled.router, generation, intent=compiled.intent)


def _loaded(
    description: Description, load: Callable[[int, Manifest], _core.Member | None]
) -> tuple[list[_core.Member | None], list[Violation]]:
    """One member (or None) for each model, and what could not be loaded."""
    members: list[_core.Member | None] = []
    violations: list[Violation] = []
    for index, model in enumerate(description.models):
        member = None
        try:
            member = load(index, model)
        except ArtifactError as error:
            violations.append(Violation(f"models.{index} ({model.id})", f"{error.path}: {error.problem}", error.fix))
        members.append(member)
    return members, violations


def _features(
    description: Description,
    members: list[_core.Member | None],
    router: _core.RouterWeights | None,
    intent: LoadedIntent | None,
) -> tuple[dict[str, Any], list[Violation]]:
    """The one feature spec that every linear model agrees on; features are extracted once per request."""
    stated = [
        (f"models.{index} ({model.id})", member.features)
        for index, (model, member) in enumerate(zip(description.models, members, strict=True))
        if member is not None and member.features is not None
    ]
    if router is not None:
        stated.append(("policy.routing.router", router.features))
    if intent is not None:
        stated.append(("policy.routing.intent", intent.weights.features))
    if not stated:
        return json.loads(_core.default_features()), []
    first_place, first = stated[0]
    violations = [
        Violation(place, f"it was trained on other features than {first_place}", "train both under one feature spec")
        for place, spec in stated[1:]
        if json.loads(spec) != json.loads(first)
    ]
    return json.loads(first), violations
