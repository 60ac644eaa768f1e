"""The handle on the core: a description compiled, its members loaded, and swapped in as one.

Everything that can fail happens before the swap, so that a description with an error changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import _core
from ..errors import ArtifactError, InvalidPopulation, Violation
from ..population import Manifest
from .compile import baseline_of, compile_description
from .deciders import LoadedIntent, load_intent, load_router
from .description import Description
from .members import load_member, survives_fork
from .solved import solved_entry

__all__ = ["Compiled", "compile_population", "engine_of", "reopened"]


MOST_CONTEXT = 576
"""Equal to `MOST_CONTEXT` in `rust/core/src/snapshot/population.rs`: the core refuses it too, less politely."""


@dataclass(frozen=True)
class Compiled:
    """A description ready to serve."""

    description: Description
    spec: str
    members: list[_core.Member | None]
    router: _core.RouterWeights | None
    learned: _core.Learned | None
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
    solved = None
    try:
        solved = solved_entry(description)
    except ArtifactError as error:
        violations.append(Violation("policy.routing.objective", f"{error.path}: {error.problem}", error.fix))
    learned, problems = _learned(description, router)
    violations += problems
    features, disagreements = _features(description, members, router, intent)
    violations += disagreements
    if violations:
        raise InvalidPopulation(description.source, violations)
    baseline = baseline_of(description)
    return Compiled(
        description=description,
        spec=json.dumps(compile_description(description, features, solved, None if intent is None else intent.spec())),
        members=members,
        router=router,
        learned=learned,
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
    learned, intent = compiled.learned, compiled.intent
    return _core.Engine(compiled.spec, compiled.members, compiled.router, generation, learned, intent)


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


def _learned(
    description: Description, router: _core.RouterWeights | None
) -> tuple[_core.Learned | None, list[Violation]]:
    """What an earlier process learned about this router; None where there is no file yet."""
    learning = description.policy.routing.learning
    where = "policy.routing.learning"
    if not learning.enabled or router is None:
        return None, []
    if router.context_dimensions > MOST_CONTEXT:
        problem = f"this router has a context of {router.context_dimensions} numbers, the most is {MOST_CONTEXT}"
        return None, [Violation(where, problem, "fit it on fewer models, or switch learning off")]
    if learning.state is None or not Path(description.root, learning.state).exists():
        return None, []
    where += ".state"
    try:
        learned = _core.Learned.read(Path(description.root, learning.state))
    except ArtifactError as error:
        return None, [Violation(where, f"{error.path}: {error.problem}", error.fix)]
    fix = "name another file, or move this one away to begin anew"
    if learned.router != router.digest:
        problem = f"{learning.state} was learned about the router {learned.router}, this one is {router.digest}"
        return None, [Violation(where, problem, fix)]
    if learned.prior != learning.prior:
        problem = f"{learning.state} was learned under prior = {learned.prior:g}, the policy says {learning.prior:g}"
        return None, [Violation(where, problem, fix)]
    return learned, []


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
