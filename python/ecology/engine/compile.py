"""A description becomes what the core runs: names become positions, patterns become verdicts, units become integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..policy import Cascade, Direct, Plan, Policy, Routing, Rule, Utility, matches
from ..population import Manifest, Role, Tier
from ..spec import model_spec, snapshot_spec
from .description import Description

if TYPE_CHECKING:
    from ..routing.solved import Entry

__all__ = ["baseline_of", "compile_description"]


def compile_description(
    description: Description,
    features: Mapping[str, Any],
    solved: Entry | None = None,
    intent: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The snapshot's spec. `features` is the feature spec that the population's linear models were trained under;
    `solved` what was found for the goal of the policy, which what is typed overrides; `intent` the id, digest and
    threshold of the model that infers tasks."""
    models, policy = description.models, description.policy
    typed = "default_plan" in policy.model_fields_set
    default_plan = policy.default_plan if typed or solved is None else solved.solution.plan
    positions = _Positions(description)
    baseline = baseline_of(description)
    risk = policy.routing.explore_up_to_risk
    return snapshot_spec(
        description.name,
        [_model(model, policy, positions) for model in models],
        features=dict(features),
        defaults=policy.defaults.model_dump(),
        max_input_bytes=policy.limits.input_bytes,
        max_events=policy.limits.events,
        routing=_ranking(policy.routing, solved)
        | {
            "exploration_floor": policy.routing.floor,
            "explore_up_to_risk": None if risk == "none" else risk,
            "learning": policy.routing.learning.model_dump(exclude={"state"}),
            "rules": [_rule(rule, positions) for rule in policy.routing.rules],
        },
        intent=None if intent is None else dict(intent),
        plans={task: _plan(plan, positions) for task, plan in policy.plans.items()},
        default_plan=_plan(default_plan, positions),
        **_doubts(policy, default_plan),
        accounts={account: budget.limits() for account, budget in policy.budgets.items()},
        baseline=None if baseline is None else positions[baseline.id],
        log_text=policy.log_text,
    )


def _ranking(routing: Routing, solved: Entry | None) -> dict[str, Any]:
    """How models are ranked: as it was solved, but for what is typed."""
    goal, typed = routing.objective, routing.model_fields_set
    ranking: dict[str, Any] = {
        "objective": "utility" if isinstance(goal, Utility) else "cheapest",
        "min_decision_confidence": routing.min_decision_confidence,
        "cost_weight_per_usd": routing.cost_weight_per_usd,
    }
    if isinstance(goal, Utility):
        # Until it is solved: as it is stated.
        if "cost_weight_per_usd" not in typed:
            ranking["cost_weight_per_usd"] = goal.lambda_cost_per_usd
        if goal.lambda_latency_per_s:
            ranking["latency_weight_per_ms"] = goal.lambda_latency_per_s / 1e3
    if solved is None:
        return ranking
    found = solved.solution
    if found.rank_by is not None:
        ranking = {key: value for key, value in ranking.items() if key != "latency_weight_per_ms"}
        ranking |= {"objective": found.rank_by, "cost_weight_per_usd": 0.0}
    for key in ("min_decision_confidence", "cost_weight_per_usd", "latency_weight_per_ms"):
        value = getattr(found, key)
        if value is not None and key not in typed:
            ranking[key] = value
    return ranking


def _doubts(policy: Policy, default_plan: Plan) -> dict[str, Any]:
    """How sure answers have to be; nothing where no plan says so, as the digest of a snapshot has it."""
    by_task = {task: doubt for task, plan in policy.plans.items() if (doubt := _doubt(plan)) is not None}
    default = _doubt(default_plan)
    found: dict[str, Any] = {"doubts": by_task} if by_task else {}
    return found if default is None else found | {"default_doubt": default}


def _doubt(plan: Plan) -> dict[str, Any] | None:
    if plan.fail == "expensive":
        return None
    return {"answer_confidence": plan.answer_confidence, "fail": plan.fail}


def baseline_of(description: Description) -> Manifest | None:
    """The model that savings are counted against: the policy's, else the dearest large one, else the fallback."""
    if description.policy.baseline is not None:
        return description.find(description.policy.baseline)
    answering = [model for model in description.models if model.role.answers and model.stage.serves]
    large = [model for model in answering if model.tier is Tier.LARGE]
    fallback = [model for model in answering if model.role is Role.FALLBACK]
    return max(large or fallback, key=_dearness, default=None)


def _dearness(model: Manifest) -> tuple[float, float]:
    price = model.price
    per_thousand = price.nano_usd_per_call + 1_000 * (price.nano_usd_per_token_in + price.nano_usd_per_token_out)
    return per_thousand, model.expected_compute_ms or 0.0


class _Positions:
    """Where each model stands in the snapshot, by what a description calls it."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._by_id = {model.id: position for position, model in enumerate(description.models)}

    def __getitem__(self, reference: str) -> int:
        model = self._description.find(reference)
        # The description was checked: every reference names a model.
        return self._by_id[reference if model is None else model.id]

    def get(self, reference: str | None) -> int | None:
        return None if reference is None else self[reference]


def _model(model: Manifest, policy: Policy, positions: _Positions) -> dict[str, Any]:
    contract, price = model.contract, model.price
    facts = {"model": model.id, "family": model.family, "licence": model.licence}
    granted = {
        privilege
        for pattern, privileges in policy.grants.items()
        if matches(pattern, **facts)
        for privilege in privileges
    }
    return model_spec(
        model.id,
        name=model.name,
        digest=model.digest.value if model.digest else "",
        digest_kind=model.digest.kind if model.digest else "declared",
        role=model.role.value,
        tier=model.tier.value,
        stage=model.stage.value,
        family=model.family,
        timeout_ms=model.timeout_ms,
        fallback=positions.get(model.fallback),
        tasks=list(contract.tasks),
        languages=list(contract.languages),
        modalities=list(contract.modalities),
        data_classes=list(contract.data_classes),
        jurisdictions=list(contract.jurisdictions),
        max_input_bytes=contract.max_input_bytes,
        labels=list(contract.labels or ()),
        denied_by=_denied_by(policy, facts),
        privileges_missing=sorted(set(contract.privileges) - granted),
        price={
            "known": price.known,
            "per_call": price.nano_usd_per_call,
            "per_token_in": price.nano_usd_per_token_in,
            "per_token_out": price.nano_usd_per_token_out,
            "per_compute_ms": price.nano_usd_per_compute_ms,
        },
        max_output_tokens=model.max_output_tokens,
        expected_latency_ms=model.expected_latency_ms,
        expected_compute_ms=model.expected_compute_ms,
    )


def _denied_by(policy: Policy, facts: dict[str, str]) -> str | None:
    for pattern in policy.deny:
        if matches(pattern, **facts):
            return f"deny: {pattern}"
    if any(matches(pattern, **facts) for pattern in policy.allow):
        return None
    return f"allow: {', '.join(policy.allow) or 'nothing'}"


def _rule(rule: Rule, positions: _Positions) -> dict[str, Any]:
    when = rule.model_dump(exclude={"name", "prefer"})
    is_tier = rule.prefer in tuple(Tier)
    return {
        "name": rule.name,
        "when": when,
        "tier": rule.prefer if is_tier else None,
        "model": None if is_tier else positions[rule.prefer],
    }


def _plan(plan: Plan, positions: _Positions) -> dict[str, Any]:
    if isinstance(plan, Direct):
        named = {} if plan.model is None else {"model": positions[plan.model]}
        return {"kind": "direct", "max_fallbacks": plan.max_fallbacks} | named
    if isinstance(plan, Cascade):
        averaged = {"average": list(plan.weights)} if plan.combine == "average" else {}
        return {
            "kind": "cascade",
            "first": positions.get(plan.first),
            "then": positions.get(plan.then),
            "leg_confidence": plan.leg_confidence,
        } | averaged
    return {
        "kind": "adaptive",
        "decision_confidence": plan.decision_confidence,
        "coalition": plan.coalition,
        "max_fallbacks": plan.max_fallbacks,
    }
