"""Where a learned router or an intent model does not reach: what `ecology check` says of them.

A router steps back for a request as soon as it does not know one of the models that may serve it, and then the rules
decide. That is safe and silent, so somebody has to say it beforehand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..population import ANY, Manifest, Stage
from .deciders import load_intent, load_router, serving_router
from .description import Description
from .place import Finding, Loc

__all__ = ["coverage"]

ROUTER: Loc = ("policy", "routing", "router")
INTENT: Loc = ("policy", "routing", "intent")


def coverage(description: Description) -> Iterator[Finding]:
    """What the router and the intent model that the policy names leave out.

    Raises:
        ArtifactError: a file of theirs cannot be used; whoever compiled the description knows that already.
    """
    yield from _router(description)
    yield from _intent(description)


def _router(description: Description) -> Iterator[Finding]:
    named = description.policy.routing.router
    model = None if named is None else description.find(named)
    if model is not None and serving_router(description) is None:
        problem = f"{model.id} is {model.stage.value} and does not serve, so every decision is made by the rules"
        yield Finding(ROUTER, problem, 'write stage = "active" for it, or name the version that serves')
    weights = load_router(description)
    if weights is None:
        return
    for index, other in enumerate(description.models):
        if _serves(other) and other.id not in weights.models:
            problem = f"{named} does not rank it, so {_requests(other)} are decided by the rules"
            fix = "collect outcomes of it and fit the router again, or keep it a candidate until then"
            yield Finding(("models", index), problem, fix)
    strangers = [name for name in weights.models if description.find(name) is None]
    if strangers:
        problem = f"it ranks {_listed(strangers)}, which the population does not have"
        yield Finding(ROUTER, problem, "nothing depends on them; the next fit may leave their outcomes out")


def _intent(description: Description) -> Iterator[Finding]:
    named = description.policy.routing.intent
    model = None if named is None else description.find(named.model)
    if named is None or model is None:
        return
    if model.stage is not Stage.ACTIVE:
        problem = f"{model.id} is {model.stage.value} and does not serve, so no task is inferred"
        yield Finding((*INTENT, "model"), problem, 'write stage = "active" for it, or name the version that serves')
    loaded = load_intent(description)
    if loaded is None:
        return
    if named.min_confidence is not None:
        solved = json.loads(loaded.weights.card or "{}").get("min_confidence")
        fix = "`ecology intent fit` solves one from rows that it did not learn from"
        if solved is not None:
            fix = f"leave it out: the fit solved {solved:.3f}"
        yield Finding((*INTENT, "min_confidence"), f"{named.min_confidence:g} is typed here", fix)
    tasks = loaded.weights.tasks
    serving = [other for other in description.models if _serves(other)]
    homeless = [task for task in tasks if not any(other.contract.accepts("tasks", task) for other in serving)]
    if homeless:
        problem = (
            f"no model that serves accepts {_listed(homeless)}; such a request is taken as if nobody knew its task"
        )
        yield Finding((*INTENT, "model"), problem, "add a model for them, or fit it on the tasks that there are")
    served = {task for other in serving for task in other.contract.tasks} - {ANY}
    unknown = sorted(served - set(tasks))
    if unknown:
        problem = f"it never infers {_listed(unknown)}: it was not fitted on them"
        yield Finding((*INTENT, "model"), problem, "state these tasks with the request, or fit it on them too")


def _serves(model: Manifest) -> bool:
    return model.role.answers and model.stage is Stage.ACTIVE


def _requests(model: Manifest) -> str:
    tasks = model.contract.tasks
    return "all requests that it may serve" if ANY in tasks else f"requests of the task {' or '.join(tasks)}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
