"""The handle on the core: a description compiled, its members loaded, and swapped in as one.

Everything that can fail happens before the swap, so that a description with an error changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _core
from ..backends import LinearBackend
from ..errors import ArtifactError, InvalidPopulation, Violation
from ..population import Role
from .compile import baseline_of, compile_description
from .description import Description
from .members import load_member

__all__ = ["Compiled", "compile_population", "engine_of"]


@dataclass(frozen=True)
class Compiled:
    """A description ready to serve."""

    description: Description
    spec: str
    members: list[_core.Member | None]
    router: _core.RouterWeights | None
    baseline: str | None
    uses_loop: bool


def compile_population(description: Description) -> Compiled:
    """Load every model that serves, and the router.

    Raises:
        InvalidPopulation: with everything that cannot be loaded, each with its place.
    """
    violations: list[Violation] = []
    members: list[_core.Member | None] = []
    for index, model in enumerate(description.models):
        member = None
        if model.role.answers and model.stage.serves:
            try:
                member = load_member(model, description.root, description.policy)
            except ArtifactError as error:
                violations.append(
                    Violation(f"models.{index} ({model.id})", f"{error.path}: {error.problem}", error.fix)
                )
        members.append(member)
    router = None
    try:
        router = _router(description)
    except ArtifactError as error:
        violations.append(Violation("policy.routing.router", f"{error.path}: {error.problem}", error.fix))
    features, disagreements = _features(description, members, router)
    violations += disagreements
    if violations:
        raise InvalidPopulation(description.source, violations)
    baseline = baseline_of(description)
    return Compiled(
        description=description,
        spec=json.dumps(compile_description(description, features)),
        members=members,
        router=router,
        baseline=None if baseline is None else baseline.id,
        uses_loop=any(member is not None and member.place == "loop" for member in members),
    )


def engine_of(compiled: Compiled) -> _core.Engine:
    """A new engine that serves it."""
    return _core.Engine(compiled.spec, compiled.members, compiled.router)


def _router(description: Description) -> _core.RouterWeights | None:
    named = description.policy.routing.router
    if named is None:
        return None
    model = description.find(named)
    path = named
    if model is not None and model.role is Role.ROUTER and isinstance(model.backend, LinearBackend):
        path = model.backend.path
    return _core.RouterWeights.read(Path(description.root, path))


def _features(
    description: Description, members: list[_core.Member | None], router: _core.RouterWeights | None
) -> tuple[dict[str, Any], list[Violation]]:
    """The one feature spec that every linear model agrees on; features are extracted once per request."""
    stated = [
        (f"models.{index} ({model.id})", member.features)
        for index, (model, member) in enumerate(zip(description.models, members, strict=True))
        if member is not None and member.features is not None
    ]
    if router is not None:
        stated.append(("policy.routing.router", router.features))
    if not stated:
        return json.loads(_core.default_features()), []
    first_place, first = stated[0]
    violations = [
        Violation(place, f"it was trained on other features than {first_place}", "train both under one feature spec")
        for place, spec in stated[1:]
        if json.loads(spec) != json.loads(first)
    ]
    return json.loads(first), violations
