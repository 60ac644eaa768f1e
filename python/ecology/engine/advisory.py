"""What is allowed and still unwise: the warnings of `ecology check`.

A violation makes a description unusable (`description.py`); an advisory does not. Each one says what will happen and
what to write instead, so that whoever knows better can go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..backends import MockBackend, OpenAIBackend
from ..backends.openai import SAMPLING
from ..errors import ArtifactError, Violation
from ..policy import Adaptive, Cascade, Direct, Policy, matches
from ..population import ANY, Manifest, Privilege, Role, Tier, find
from .coverage import coverage
from .description import Description
from .place import Finding, Loc, in_order
from .solved import solved_entry
from .suggestion import closest, did_you_mean

if TYPE_CHECKING:
    from ..routing.solved import Entry

__all__ = ["advise"]

ENOUGH = 3
"""A generalist and two specialists: more than that should be shown to pay before they are added."""


@dataclass(frozen=True)
class View:
    """A description, and what every advisory asks of it."""

    models: tuple[Manifest, ...]
    policy: Policy
    scorecards: int
    solved: Entry | None = None
    unreadable: ArtifactError | None = None

    @property
    def serving(self) -> list[tuple[int, Manifest]]:
        """The models that may answer, with their index."""
        return [(index, model) for index, model in enumerate(self.models) if _answers(model)]

    def may_serve(self, model: Manifest, task: str | None) -> bool:
        """Whether `model` could be chosen for `task` (`None`: for some task), by stage, policy and contract."""
        accepts = task is None or model.contract.accepts("tasks", task)
        return accepts and _answers(model) and self.allowed(model)

    def allowed(self, model: Manifest) -> bool:
        """Whether the policy lets `model` in."""
        return any(_fits(pattern, model) for pattern in self.policy.allow) and not self.denied_by(model)

    def denied_by(self, model: Manifest) -> str | None:
        """The first pattern that keeps `model` out."""
        return next((pattern for pattern in self.policy.deny if _fits(pattern, model)), None)

    @property
    def plans(self) -> dict[Loc, Any]:
        """Every plan with its place, the default one first."""
        named: dict[Loc, Any] = {("policy", "default_plan"): self.policy.default_plan}
        return named | {("policy", "plans", task): plan for task, plan in self.policy.plans.items()}


def advise(description: Description, scorecards: int = 0) -> list[Violation]:
    """Everything unwise in a description, in the order models, policy; `scorecards` counts the models that have one."""
    solved, unreadable = None, None
    try:
        solved = solved_entry(description)
    except ArtifactError as error:
        unreadable = error
    view = View(description.models, description.policy, scorecards, solved, unreadable)
    document = {
        "models": [{"name": model.name, "version": model.version} for model in description.models],
        "policy": {},
    }
    found = [found for advisory in ADVISORIES for found in advisory(view)]
    return in_order([*found, *coverage(description)], document)


def crowd(view: View) -> Iterator[Finding]:
    """A fourth model before anything was measured."""
    if view.scorecards == 0 and len(view.serving) > ENOUGH:
        index, _ = view.serving[ENOUGH]
        problem = f"{len(view.serving)} models answer, and none has a scorecard that shows what it adds"
        fix = 'measure first (`ecology outcomes collect`), or write stage = "candidate" until then'
        yield Finding(("models", index), problem, fix)


def nobody_to_fall_back_on(view: View) -> Iterator[Finding]:
    """Several models and none that takes what the others are not sure of."""
    if len(view.serving) > 1 and not any(model.role is Role.FALLBACK for _, model in view.serving):
        yield Finding(("models",), "no model has the role fallback, so doubt goes to whoever ranks first", FALLBACK_FIX)


def nothing_to_compare_with(view: View) -> Iterator[Finding]:
    """Without a large model, or without prices, savings have no meaning."""
    if view.policy.baseline is None and not any(model.tier is Tier.LARGE for _, model in view.serving):
        fix = 'write tier = "large" for the model that you would use alone, or name it in policy.baseline'
        yield Finding(("models",), "no model is large: savings are counted against the fallback, or not at all", fix)
    if not any(model.price.known for _, model in view.serving):
        fix = "write price = { usd_per_call = 0 } for what runs here, and what your provider asks for the rest"
        yield Finding(("models",), "no price is known, so cost is no reason to choose any model", fix)


def scripted(view: View) -> Iterator[Finding]:
    """Members that say what is written in the description."""
    for index, model in view.serving:
        if isinstance(model.backend, MockBackend):
            problem = "it is a mock: its replies are written here, whatever it is asked"
            yield Finding(("models", index, "backend", "kind"), problem, "name the real model before people rely on it")


def served_elsewhere(view: View) -> Iterator[Finding]:
    """What is easily forgotten of a model behind a server."""
    for index, model in view.serving:
        backend = model.backend
        if not isinstance(backend, OpenAIBackend):
            continue
        where = ("models", index, "backend")
        needs = {Privilege.NETWORK} | ({Privilege.SECRETS} if backend.api_key else set())
        lacking = sorted(needs - model.contract.privileges)
        if lacking:
            listed = ", ".join(f'"{name}"' for name in sorted(needs | model.contract.privileges))
            fix = f"write privileges = [{listed}] in its contract, and grant them under [policy.grants]"
            problem = f"it uses {' and '.join(lacking)}, and its contract does not say so"
            yield Finding(("models", index, "contract", "privileges"), problem, fix)
        if not urlsplit(backend.base_url).path.strip("/"):
            problem = f"{backend.base_url} has no path, and most servers answer under /v1"
            fix = f'write base_url = "{backend.base_url.rstrip("/")}/v1", unless yours does not'
            yield Finding((*where, "base_url"), problem, fix)
        for name in sorted(backend.parameters.keys() - SAMPLING):
            meant = closest(name, SAMPLING)
            if meant is not None:
                problem = "it is sent as it is, and servers pass over what they do not know"
                yield Finding((*where, "parameters", name), problem, f"did you mean {meant}?")


def unpriced_baseline(view: View) -> Iterator[Finding]:
    """Savings against a model whose price is unknown are no savings."""
    if view.policy.baseline is None or not any(model.price.known for _, model in view.serving):
        return
    model = find(view.models, view.policy.baseline)
    if model is not None and not model.price.known:
        problem = f"the price of {model.id} is unknown, so no money is saved against it"
        yield Finding(("policy", "baseline"), problem, "write its price; usd_per_call = 0 if it is free")


def unpriced_under_a_budget(view: View) -> Iterator[Finding]:
    """Money that is limited is not spent at an unknown price."""
    if any(budget.usd is not None for budget in view.policy.budgets.values()):
        for index, model in view.serving:
            if not model.price.known:
                problem = "its price is unknown, so an account with a limit in usd refuses it"
                yield Finding(("models", index, "price"), problem, "write a price; usd_per_call = 0 if it is free")


def too_slow(view: View) -> Iterator[Finding]:
    """Bounds that the default deadline makes idle."""
    deadline = view.policy.defaults.deadline_ms
    for index, model in view.serving:
        if model.timeout_ms > deadline:
            problem = f"timeout_ms is {model.timeout_ms}, and the default deadline of {deadline:g} ms comes first"
            fix = f"write timeout_ms = {max(1, int(deadline))} or less, or raise policy.defaults.deadline_ms"
            yield Finding(("models", index, "timeout_ms"), problem, fix)
        slow = model.expected_latency_ms
        if model.role is Role.FALLBACK and slow is not None and slow > deadline:
            problem = f"the fallback takes {slow:g} ms, and the default deadline is {deadline:g} ms"
            fix = "name a faster fallback, or raise policy.defaults.deadline_ms"
            yield Finding(("models", index, "expected_latency_ms"), problem, fix)


def alike(view: View) -> Iterator[Finding]:
    """Two that err alike: comparing their replies shows little."""
    for where, plan in view.plans.items():
        if not isinstance(plan, Adaptive):
            continue
        task = str(where[2]) if len(where) == 3 else None
        asked = [model for _, model in view.serving if view.may_serve(model, task)]
        families = {model.family for model in asked}
        if len(asked) > 1 and len(families) == 1 and families != {"unknown"}:
            problem = f"all that it could compare are of the family {families.pop()}, and err on the same inputs"
            yield Finding(where, problem, "add a model of another family, or use a direct plan")


def goals(view: View) -> Iterator[Finding]:
    """A goal that nothing was solved for, that is not reached, or that something typed stands in the way of."""
    routing, where = view.policy.routing, ("policy", "routing", "objective")
    goal = routing.objective
    if not goal.goal:
        return
    if view.unreadable is not None:
        problem = f"what was solved for it cannot be used: {view.unreadable.path}: {view.unreadable.problem}"
        yield Finding(where, problem, view.unreadable.fix)
    elif view.solved is None and goal.kind != "utility":
        problem = "it is not solved for these models, so the thresholds of a cold start serve"
        fix = "run `ecology fit outcomes.csv --population` and the name of this file"
        if routing.router is None:
            fix += "; if that was done and it chose the router, name that as policy.routing.router"
        yield Finding(where, problem, fix)
    elif view.solved is not None and not view.solved.reached:
        problem, _, fix = view.solved.reason.partition(": ")
        yield Finding(where, f"it is not reached: {problem}", fix or "collect more outcomes, and solve again")
    if "default_plan" in view.policy.model_fields_set:
        problem = f"it overrides the plan that is solved for the goal {goal.kind}"
        yield Finding(("policy", "default_plan"), problem, "leave it out, or leave the goal out")
    for key in ("min_decision_confidence", "cost_weight_per_usd"):
        if key in routing.model_fields_set:
            problem = f"it overrides what is solved for the goal {goal.kind}"
            yield Finding(("policy", "routing", key), problem, "leave it out, or leave the goal out")


def typed_thresholds(view: View) -> Iterator[Finding]:
    """Thresholds that a person wrote, and those that switch a plan off."""
    written: list[tuple[Loc, float, str, str]] = []
    for where, plan in view.plans.items():
        if isinstance(plan, Cascade):
            written.append(
                ((*where, "leg_confidence"), plan.leg_confidence, "nothing escalates", "everything escalates")
            )
        elif isinstance(plan, Adaptive):
            never, always = "the best model always runs alone", f"{plan.coalition} models always run"
            written.append(((*where, "decision_confidence"), plan.decision_confidence, never, always))
    routing = view.policy.routing
    if "min_decision_confidence" in routing.model_fields_set and not routing.objective.goal:
        never, always = "the cheapest model always wins", "the most confident model always wins"
        where = ("policy", "routing", "min_decision_confidence")
        written.append((where, routing.min_decision_confidence, never, always))
    for where, plan in view.plans.items():
        if plan.answer_confidence is not None:
            never, always = "every answer that states a confidence is given", "hardly any answer is given"
            written.append(((*where, "answer_confidence"), plan.answer_confidence, never, always))
    for where, threshold, at_zero, at_one in written:
        if threshold in (0.0, 1.0):
            effect = at_one if threshold else at_zero
            yield Finding(where, f"at {threshold:g} {effect}", "choose a value between, or a simpler plan")
        else:
            problem = f"{threshold:g} is typed here"
            fix = "`ecology fit` solves it from outcomes for the quality that you ask for; if it did, all is well"
            yield Finding(where, problem, fix)


def budget_of_one_process(view: View) -> Iterator[Finding]:
    """Until accounts are leased from a store, each process counts for itself."""
    for account, budget in view.policy.budgets.items():
        where = ("policy", "budgets", account)
        if budget.limits():
            problem = "it holds in one process: two processes may spend twice as much"
            yield Finding(where, problem, "divide the limit by the number of processes")
        else:
            yield Finding(where, "it limits nothing", "write usd, tokens_in, tokens_out or compute_ms")


def out_of_reach(view: View) -> Iterator[Finding]:
    """Models that no request comes to."""
    for index, model in enumerate(view.models):
        where = ("models", index)
        if not model.stage.loads:
            yield Finding((*where, "stage"), f"it is {model.stage.value}: no request reaches it", STAGE_FIX)
        elif (pattern := view.denied_by(model)) is not None:
            fix = "take the pattern out of policy.deny, or the model out of the description"
            yield Finding(where, f'no request reaches it: policy.deny has "{pattern}"', fix)
        elif not view.allowed(model):
            fix = f'write "{model.id}" into policy.allow'
            yield Finding(where, "no request reaches it: no pattern of policy.allow fits it", fix)
        elif _answers(model) and not _has_a_plan(model, view):
            tasks = ", ".join(model.contract.tasks)
            problem = f"no request reaches it: the plans for {tasks} name other models"
            yield Finding(where, problem, "name it in one of them, or leave first or then out")


def idle_parts_of_the_policy(view: View) -> Iterator[Finding]:
    """Patterns, plans, fallbacks, rules and defaults that meet nobody."""
    patterns: list[tuple[Loc, str]] = [(("policy", "allow", i), p) for i, p in enumerate(view.policy.allow)]
    patterns += [(("policy", "deny", i), p) for i, p in enumerate(view.policy.deny)]
    patterns += [(("policy", "grants", p), p) for p in view.policy.grants]
    for where, pattern in patterns:
        if not any(_fits(pattern, model) for model in view.models):
            yield Finding(where, f'"{pattern}" fits no model', _meant(pattern, view))
    tasks = dict.fromkeys(task for _, model in view.serving for task in model.contract.tasks)
    named: list[tuple[Loc, str]] = [(("policy", "plans", task), task) for task in view.policy.plans]
    if view.policy.defaults.task is not None:
        named.append((("policy", "defaults", "task"), view.policy.defaults.task))
    for where, task in named:
        if not any(view.may_serve(model, task) for _, model in view.serving):
            yield Finding(where, f'no model that serves accepts the task "{task}"', did_you_mean(task, tasks))
    for where, plan in view.plans.items():
        at = str(where[2]) if len(where) == 3 else None
        for step in ("first", "then") if isinstance(plan, Cascade) else ():
            reference = getattr(plan, step)
            model = find(view.models, reference) if reference else None
            if model is not None and not view.may_serve(model, at):
                fix = "see its stage, its contract.tasks and policy.deny, or name another model"
                yield Finding((*where, step), f"{model.id} may not serve here, so the step is skipped", fix)
    for index, model in view.serving:
        spare = find(view.models, model.fallback) if model.fallback else None
        if spare is not None and not view.may_serve(spare, None):
            problem = f"{spare.id} may not serve, so nobody takes over when this model fails"
            yield Finding(("models", index, "fallback"), problem, "name a model that serves, or leave fallback out")
    for index, rule in enumerate(view.policy.routing.rules):
        meets = [model for _, model in view.serving if rule.prefer in (model.tier.value, model.name, model.id)]
        if not any(view.allowed(model) for model in meets):
            where = ("policy", "routing", "rules", index, "prefer")
            yield Finding(
                where, f'no model that serves is "{rule.prefer}", so the rule does nothing', "name one that does"
            )


def _answers(model: Manifest) -> bool:
    return model.role.answers and model.stage.serves


def _fits(pattern: str, model: Manifest) -> bool:
    return matches(pattern, model=model.id, family=model.family, licence=model.licence)


def _meant(pattern: str, view: View) -> str:
    names = [model.name for model in view.models]
    if pattern in names:
        return f'write "{pattern}@*": a pattern stands for name@version'
    return did_you_mean(pattern, [model.id for model in view.models], "models")


def _has_a_plan(model: Manifest, view: View) -> bool:
    """Whether some plan can come to `model`: one that names it, or one that leaves the choice open."""
    tasks = model.contract.tasks
    plans = [view.policy.plans.get(task, view.policy.default_plan) for task in tasks]
    if ANY in tasks:
        plans = [view.policy.default_plan, *view.policy.plans.values()]
    for plan in plans:
        named: tuple[str | None, ...] = (None,)
        if isinstance(plan, Cascade):
            named = plan.first, plan.then
        elif isinstance(plan, Direct) and plan.max_fallbacks == 0:
            named = (plan.model,)
        if None in named or any(find(view.models, name) == model for name in named if name):
            return True
    return any(other.fallback and find(view.models, other.fallback) == model for _, other in view.serving)


FALLBACK_FIX = 'write role = "fallback" for your generalist'
STAGE_FIX = 'write stage = "active" to serve, or take it out of the description'

ADVISORIES: tuple[Callable[[View], Iterator[Finding]], ...] = (
    crowd,
    nobody_to_fall_back_on,
    nothing_to_compare_with,
    scripted,
    served_elsewhere,
    unpriced_baseline,
    unpriced_under_a_budget,
    too_slow,
    alike,
    goals,
    typed_thresholds,
    budget_of_one_process,
    out_of_reach,
    idle_parts_of_the_policy,
)
