"""Whether what a description names exists: versions, fallbacks, plans, rules, grants, accounts.

Each check is a generator of findings over models and policy that are valid one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..backends import RouterBackend
from ..policy import Adaptive, Cascade, Direct, Policy, QualityTarget, matches
from ..population import Manifest, Privilege, Role, Stage, Tier, find
from .place import Finding, Loc
from .suggestion import did_you_mean

__all__ = ["CHECKS"]

Models = Sequence[Manifest]


def _where(index: int, *keys: str) -> Loc:
    return ("models", index, *keys)


def versions(models: Models, _policy: Policy) -> Iterator[Finding]:
    """A version is there once, and of the versions of a name at most one is active."""
    seen: dict[str, int] = {}
    active: dict[str, str] = {}
    for index, model in enumerate(models):
        if model.id in seen:
            problem = f"models.{seen[model.id]} is {model.id} too"
            yield Finding(_where(index, "version"), problem, "give one of them another version")
            continue
        seen[model.id] = index
        if model.stage is Stage.ACTIVE and model.name in active:
            problem = f"{active[model.name]} is active too, and only one version of a name may be"
            yield Finding(_where(index, "stage"), problem, 'write stage = "candidate" or "archived" for one of them')
        elif model.stage is Stage.ACTIVE:
            active[model.name] = model.id


def somebody_answers(models: Models, _policy: Policy) -> Iterator[Finding]:
    """At least one active model may answer."""
    if not any(model.stage is Stage.ACTIVE and model.role.answers for model in models):
        fix = 'write stage = "active" for a model whose role is specialist, champion or fallback'
        yield Finding(("models",), "no active model answers", fix)


def fallbacks(models: Models, _policy: Policy) -> Iterator[Finding]:
    """A fallback is another model that answers, and following fallbacks comes to an end."""
    after: dict[str, Manifest] = {}
    for index, model in enumerate(models):
        if model.fallback is None:
            continue
        where = _where(index, "fallback")
        target = find(models, model.fallback)
        if target is None:
            yield _unknown(where, model.fallback, models)
        elif target.id == model.id:
            yield Finding(where, "a model cannot fall back on itself", "name another model, or leave fallback out")
        elif not target.role.answers:
            yield _mute(where, target)
        else:
            after[model.id] = target
    reported: set[str] = set()
    for index, model in enumerate(models):
        path = [model.id]
        while path[-1] in after and after[path[-1]].id not in path:
            path.append(after[path[-1]].id)
        closes = path[-1] in after and after[path[-1]].id == model.id
        if closes and model.id not in reported:
            reported.update(path)
            problem = f"the fallbacks form a cycle: {' → '.join([*path, model.id])}"
            yield Finding(_where(index, "fallback"), problem, f"leave fallback out of one of them, say {path[-1]}")


def privileges(models: Models, policy: Policy) -> Iterator[Finding]:
    """What a loaded model needs is granted, and grants name privileges that exist."""
    known = [privilege.value for privilege in Privilege]
    for pattern, granted in policy.grants.items():
        for place, name in enumerate(granted):
            if name not in known:
                where: Loc = ("policy", "grants", pattern, place)
                yield Finding(where, f'"{name}" is no privilege', did_you_mean(name, known))
    for index, model in enumerate(models):
        given = {
            name
            for pattern, names in policy.grants.items()
            if matches(pattern, model=model.id, family=model.family, licence=model.licence)
            for name in names
        }
        lacking = sorted(model.contract.privileges - given)
        if model.stage.loads and lacking:
            line = sorted({*policy.grants.get(model.id, ()), *lacking})
            listed = ", ".join(f'"{name}"' for name in line)
            problem = f"it needs {' and '.join(lacking)}, and the policy does not grant that"
            fix = f'write "{model.id}" = [{listed}] under [policy.grants]'
            yield Finding(_where(index, "contract", "privileges"), problem, fix)


def plans(models: Models, policy: Policy) -> Iterator[Finding]:
    """The models of a plan exist, answer, and differ."""
    named: dict[Loc, Direct | Cascade | Adaptive] = {("policy", "default_plan"): policy.default_plan}
    named |= {("policy", "plans", task): plan for task, plan in policy.plans.items()}
    for where, plan in named.items():
        if isinstance(plan, Adaptive):
            continue
        found: dict[str, Manifest] = {}
        steps = [("first", plan.first), ("then", plan.then)] if isinstance(plan, Cascade) else [("model", plan.model)]
        for step, reference in steps:
            if reference is None:
                continue
            model = find(models, reference)
            if model is None:
                yield _unknown((*where, step), reference, models)
            elif not model.role.answers:
                yield _mute((*where, step), model)
            else:
                found[step] = model
        if len(found) == 2 and found["first"].id == found["then"].id:
            problem = f"first and then are both {found['then'].id}, so escalating changes nothing"
            yield Finding((*where, "then"), problem, "name a stronger model, or leave it out")


def goal(models: Models, policy: Policy) -> Iterator[Finding]:
    """A quality target is measured against a model that exists and answers."""
    objective, where = policy.routing.objective, ("policy", "routing", "objective", "of")
    if isinstance(objective, QualityTarget) and objective.of is not None:
        model = find(models, objective.of)
        if model is None:
            yield _unknown(where, objective.of, models)
        elif not model.role.answers:
            yield _mute(where, model)


def rules(models: Models, policy: Policy) -> Iterator[Finding]:
    """A rule prefers a tier or a model that answers."""
    tiers = [tier.value for tier in Tier]
    for index, rule in enumerate(policy.routing.rules):
        where: Loc = ("policy", "routing", "rules", index, "prefer")
        model = find(models, rule.prefer)
        if model is not None and not model.role.answers:
            yield _mute(where, model)
        elif model is None and rule.prefer not in tiers:
            yield _unknown(where, rule.prefer, models, "model or tier", tiers)


def baseline(models: Models, policy: Policy) -> Iterator[Finding]:
    """Savings are counted against a model that exists and answers."""
    if policy.baseline is None:
        return
    model = find(models, policy.baseline)
    if model is None:
        yield _unknown(("policy", "baseline"), policy.baseline, models)
    elif not model.role.answers:
        yield _mute(("policy", "baseline"), model)


def accounts(_models: Models, policy: Policy) -> Iterator[Finding]:
    """An account holds amounts; a deadline is no amount."""
    for account, budget in policy.budgets.items():
        if budget.deadline_ms is not None:
            fix = f"write policy.defaults.deadline_ms = {budget.deadline_ms:g}, or give it with the request"
            where: Loc = ("policy", "budgets", account, "deadline_ms")
            yield Finding(where, "an account has no deadline: time is not spent, it passes", fix)


def roles(models: Models, _policy: Policy) -> Iterator[Finding]:
    """Weights of a router choose; nobody can be answered by them."""
    for index, model in enumerate(models):
        if isinstance(model.backend, RouterBackend) and model.role is not Role.ROUTER:
            problem = f"its backend is a router, which chooses models, and its role is {model.role.value}"
            yield Finding(_where(index, "role"), problem, 'write role = "router"')


def labels(models: Models, _policy: Policy) -> Iterator[Finding]:
    """A head says nothing that its contract does not promise."""
    for index, model in enumerate(models):
        said, promised = getattr(model.backend, "labels", None), model.contract.labels
        stray = sorted(set(said or ()) - set(promised or ()))
        if promised is not None and stray:
            problem = f"backend.labels has others: {', '.join(stray[:5])}"
            yield Finding(_where(index, "contract", "labels"), problem, "add them, or leave contract.labels out")


def isolation(models: Models, _policy: Policy) -> Iterator[Finding]:
    """Only code that is not the core's can be kept apart, and limits are for what is."""
    for index, model in enumerate(models):
        if model.isolation == "process" and model.backend.NATIVE:
            problem = f"a {model.backend.kind} member has no code of its own: the core runs it"
            yield Finding(_where(index, "isolation"), problem, "leave isolation out")
        elif model.isolation == "none" and model.limits is not None:
            problem = "nothing holds it to them: it runs in this process"
            yield Finding(_where(index, "limits"), problem, 'write isolation = "process", or leave limits out')


def _unknown(where: Loc, reference: str, models: Models, what: str = "model", others: Sequence[str] = ()) -> Finding:
    known = [model.id if "@" in reference else model.name for model in models if model.role.answers]
    return Finding(
        where, f'there is no {what} "{reference}"', did_you_mean(reference, [*others, *dict.fromkeys(known)])
    )


def _mute(where: Loc, model: Manifest) -> Finding:
    problem = f"{model.id} has the role {model.role.value} and never answers"
    return Finding(where, problem, "name a model whose role is specialist, champion or fallback")


CHECKS: tuple[Callable[[Models, Policy], Iterator[Finding]], ...] = (
    versions,
    somebody_answers,
    fallbacks,
    privileges,
    plans,
    goal,
    rules,
    baseline,
    accounts,
    roles,
    labels,
    isolation,
)
