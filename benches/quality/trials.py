"""Each tier alone and every solved plan, on the same texts in turns."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from ecology import Adaptive, Cascade, Description, Direct, Ecology, read_description
from ecology.demo.run import Result, Step
from ecology.demo.trial import Trial, run_trials
from ecology.policy import Plan
from ecology.routing.solve import Solution
from ecology.stats import paired_interval

__all__ = ["measure", "row_of"]


def measure(result: Result, step: Step) -> list[dict[str, Any]]:
    """One row each: accuracy with its interval, compute, share of the large model, difference to the large one."""
    whole = read_description(result.folder / "ecology.toml")
    contenders = [
        ("small alone", _alone(whole, "small"), {"baseline": "small"}),
        ("large alone", _alone(whole, "large"), {"baseline": "large"}),
        *((s.kind, _under(whole, _plan(s), s), _facts(s)) for s in result.solutions),
    ]
    test = result.corpus.part("test")
    with ExitStack() as stack, step(f"test: {len(test)} texts through {len(contenders)}") as progress:
        ecologies = [stack.enter_context(Ecology(description)) for _, description, _ in contenders]
        trials = run_trials(ecologies, test.texts, test.labels, progress)
    large = trials[1]
    return [
        {"name": name, "chosen": name == result.chosen.kind, **facts, **row_of(trial, large)}
        for (name, _, facts), trial in zip(contenders, trials, strict=True)
    ]


def row_of(trial: Trial, large: Trial) -> dict[str, Any]:
    """What one trial says beside the large model's on the same texts."""
    mean, low, high = paired_interval([float(right) for right in trial.correct], [float(r) for r in large.correct])
    return trial.to_dict() | {
        "share": trial.share(),
        "compute_ratio": (trial.compute_ms / trial.n) / (large.compute_ms / large.n),
        "against_large": {"mean": mean, "low": low, "high": high},
    }


def _facts(solution: Solution) -> dict[str, Any]:
    kind = "decision" if solution.kind == "adaptive" else "leg"
    facts = {"threshold": solution.threshold, "reached": solution.reached, "kind": kind}
    return facts | {"baseline": "cascade" if solution.kind == "cascade" else None}


def _plan(solution: Solution) -> Plan:
    if solution.weights is not None:
        votes = {"combine": "average", "weights": solution.weights}
        return Cascade(first="small", then="large", leg_confidence=solution.threshold, **votes)
    if solution.kind == "cascade":
        return Cascade(kind="cascade", first="small", then="large", leg_confidence=solution.threshold)
    return Adaptive(kind="adaptive", decision_confidence=solution.threshold)


def _under(whole: Description, plan: Plan, solution: Solution) -> Description:
    """The same population under another plan; a router chooses by the plan's own threshold."""
    confidence = solution.threshold if solution.kind == "adaptive" else whole.policy.routing.min_decision_confidence
    routing = whole.policy.routing.model_copy(update={"min_decision_confidence": confidence})
    return replace(whole, policy=whole.policy.model_copy(update={"default_plan": plan, "routing": routing}))


def _alone(whole: Description, name: str) -> Description:
    """One model of the population and nothing else."""
    model = whole.find(name)
    assert model is not None, f"the demo's population has a model {name}"
    routing = whole.policy.routing.model_copy(update={"router": None})
    changes = {"default_plan": Direct(), "routing": routing, "baseline": model.name}
    return replace(whole, models=(model,), policy=whole.policy.model_copy(update=changes))
