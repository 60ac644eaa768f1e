"""What would this other policy have cost and scored on last week's decisions?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import OffPolicyError, Violation
from ...routing.metrics import Interval
from ...routing.router import Router
from .estimators import ESTIMATORS, Estimator, Ratio, Terms, ratio, switch_threshold
from .gaps import Gap, OnGaps, lost_in, stood_in
from .interval import Method, bernstein, bootstrapped, normal
from .log import DecisionLog
from .overlap import Caution, cautions_of, overlap_of
from .reward import RewardModel, cross_fitted, prompt_features
from .target import Policy, Target
from .value import Measure, OffPolicy, Verdict

__all__ = ["evaluate_off_policy"]

Floats = npt.NDArray[np.float64]

MOST_UNSUPPORTED = 0.1
METHODS = ("normal", "bootstrap", "bernstein")


@dataclass(frozen=True)
class _How:
    """What holds for every measure and slice."""

    estimator: Estimator
    method: Method
    level: float
    seed: int
    resamples: int
    switch: float | None
    floor: float
    lost: int
    on_gaps: OnGaps


def evaluate_off_policy(
    log: Any,
    policy: Policy,
    *,
    estimator: Estimator = "dr",
    model: RewardModel | Router | Mapping[str, Any] = "ridge",
    by: str | None = None,
    method: Method = "normal",
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    switch: float | None = None,
    floor: float = 0.02,
    gaps: int | Sequence[Gap] = 0,
    on_gaps: OnGaps = "refuse",
) -> OffPolicy:
    """What another policy would have scored, cost and taken on the decisions of a log.

    Args:
        log: outcomes with `propensity`, one row a decision; anything that `Outcomes.read` reads.
        policy: a model's name, a mixture (model → share), a `Router` as it serves, or a function of prompts and models
            to probabilities [prompts, models]. It must not have been fitted on these rows: it knows how they ended.
        estimator: whose numbers count; all five of `estimators.py` are given.
        model: the guesses of `dm`, `dr` and `switch-dr`, cross-fitted: "ridge" on signals and n-grams, or "means" of
            models. Or, not cross-fitted and therefore of other rows: a `Router`, whose scores are taken as they are
            (costs by ridge), or arrays [rows, models in sorted order] by measure.
        by: "task", "split", "fold" or "model": the same for each of its values.
        method: of the intervals. "normal" and "bootstrap" need rows enough; "bernstein" holds for any number if no
            propensity is below the least that is in the log, and is long.
        level: of the intervals, in (0, 1).
        resamples, seed: of the bootstrap; the seed also deals prompts to folds.
        switch: τ of `switch-dr`; by default it is solved (`switch_threshold`).
        floor: a propensity below it is thin.
        gaps: how many decisions of the window are not in the log, or `Gap`s with times.
        on_gaps: "refuse", "bound" (the score only) or "reweight".

    >>> rows = {"prompt": ["a", "b", "c", "d"], "model": ["m@1", "m@1", "n@1", "n@1"], "score": [1, 1, 0, 0],
    ...         "propensity": [0.5, 0.5, 0.5, 0.5]}
    >>> found = evaluate_off_policy(rows, "m@1", estimator="snips", model="means")
    >>> found["score"].value, found.overlap.effective_rows, found.verdict
    (1.0, 2.0, 'doubtful')

    Raises:
        OffPolicyError: propensities that are missing or impossible, models that the log never chose, gaps that are
            refused, or options out of range; with all that is wrong.
        ArtifactError, MissingExtra, OutcomesError: the log cannot be read.
    """
    _check(estimator, method, level, resamples, switch, floor)
    decisions = stood_in(DecisionLog.of(log, by), gaps, on_gaps)
    target = Target.of(policy, decisions.prompts, decisions.models)
    how = _How(estimator, method, level, seed, resamples, switch, floor, lost_in(gaps), on_gaps)
    terms = _terms(decisions, target, model, seed)
    cautions = _cautions(decisions, target, how)
    every = np.ones(len(decisions), bool)
    whole = _assessed(decisions, target, terms, every, how, cautions)
    if decisions.slices is not None:
        names = np.array([name if name is not None else "(none)" for name in decisions.slices])
        order = sorted(set(names.tolist()), key=lambda name: (-int((names == name).sum()), name))
        for name in order:
            whole.slices[name] = _assessed(decisions, target, terms, names == name, how, [])
    return whole


def _check(estimator: str, method: str, level: float, resamples: int, switch: float | None, floor: float) -> None:
    wrong = []
    if estimator not in ESTIMATORS:
        wrong.append(Violation("estimator", f"{estimator!r} is none", f"say one of {', '.join(ESTIMATORS)}"))
    if method not in METHODS:
        wrong.append(Violation("method", f"{method!r} is none", f"say one of {', '.join(METHODS)}"))
    if not 0 < level < 1:
        wrong.append(Violation("level", f"{level!r} is not in (0, 1)", "give 0.95"))
    if resamples < 1:
        wrong.append(Violation("resamples", f"{resamples} is below 1", "give 1,000"))
    if switch is not None and not switch >= 0:
        wrong.append(Violation("switch", f"{switch!r} is below 0", "give a weight, such as 20"))
    if not 0 <= floor <= 1:
        wrong.append(Violation("floor", f"{floor!r} is not in [0, 1]", "give 0.02"))
    if wrong:
        raise OffPolicyError(wrong)


def _terms(
    log: DecisionLog, target: Target, model: RewardModel | Router | Mapping[str, Any], seed: int
) -> dict[str, Terms]:
    """Of each measure, [n]; NaN in `outcome` where it is unknown."""
    chance = target.probability[log.prompt]
    rows = np.arange(len(log))
    weight = chance[rows, log.chosen] / log.propensity
    given = model if isinstance(model, Mapping) else {}
    needed = [name for name in log.values if name not in given]
    features = None
    if model != "means" and any(name != "score" or not isinstance(model, Router) for name in needed):
        features = prompt_features(log.prompts, seed)
    found = {}
    for name, values in log.values.items():
        if name in given:
            guessed = _given(given[name], name, (len(log), len(log.models)))
        elif isinstance(model, Router) and name == "score":
            guessed = _scored(model, log)[log.prompt]
        else:
            guessed = cross_fitted(log, values, features, seed)[log.prompt]
        expected = (chance * guessed).sum(axis=1)
        found[name] = Terms(weight, values, guessed[rows, log.chosen], expected, log.weight)
    return found


def _given(values: Any, name: str, shape: tuple[int, int]) -> Floats:
    guessed = np.asarray(values, dtype=np.float64)
    if guessed.shape != shape or not np.isfinite(guessed).all():
        fix = f"give finite numbers {shape}: a row a decision, a column a model, sorted"
        raise OffPolicyError([Violation(f"model {name}", f"its shape is {guessed.shape}, or it holds NaN", fix)])
    return guessed


def _scored(router: Router, log: DecisionLog) -> Floats:
    absent = [name for name in log.models if name not in router.models]
    if absent:
        fix = 'give model="ridge"'
        raise OffPolicyError([Violation(f"model {name}", "the router does not score it", fix) for name in absent])
    scores = router.score_batch(log.prompts)
    return np.asarray(scores[:, [router.models.index(name) for name in log.models]], dtype=np.float64)


def _cautions(log: DecisionLog, target: Target, how: _How) -> list[Caution]:
    """What is true of the log as a whole."""
    found = []
    if target.data is not None and target.data == log.digest:
        reason = "the policy was fitted on this very log, so it looks better than it is; judge it on a later one"
        found.append(Caution("fitted_on_log", reason))
    if (log.propensity == 1).all() and len(log.models) > 1:
        reason = "every propensity is 1: the log explored nothing, and only agreement with it can be judged"
        found.append(Caution("deterministic", reason))
    if how.lost:
        share = how.lost / (how.lost + len(log))
        did = "the score allows for the worst, costs do not" if how.on_gaps == "bound" else "neighbours stand for them"
        found.append(Caution("gaps", f"{share:.1%} of the decisions ({how.lost}) are not in the log; {did}"))
    if ungraded := log.left_out.get("without a score", 0):
        share = ungraded / (ungraded + len(log))
        reason = f"{share:.0%} of the decisions have no score; this is about those that somebody graded"
        found.append(Caution("ungraded", reason))
    for name, values in log.values.items():
        if unknown := int(np.isnan(values).sum()):
            found.append(Caution("unknown", f"{unknown} of {len(log)} rows have no {name}; it is about the others"))
    return found


def _assessed(
    log: DecisionLog,
    target: Target,
    terms: Mapping[str, Terms],
    inside: npt.NDArray[np.bool_],
    how: _How,
    cautions: list[Caution],
) -> OffPolicy:
    weight = next(iter(terms.values())).weight[inside]
    overlap = overlap_of(weight, log.propensity[inside], log.weight[inside], how.floor)
    doubts = cautions_of(overlap)
    times = log.timestamp[inside]
    times = times[~np.isnan(times)]
    nothing = overlap.effective_rows == 0
    unsupported = nothing or (
        any(doubt.code == "unsupported" for doubt in doubts) and overlap.unsupported > MOST_UNSUPPORTED
    )
    verdict: Verdict = "unsupported" if unsupported else "doubtful" if doubts or cautions else "supported"
    measures = {}
    for name, every in terms.items():
        known = inside & ~np.isnan(every.outcome)
        if known.any():
            measures[name] = _measured(name, every.take(known), log.propensity[known], how)
    return OffPolicy(
        policy=target.name,
        estimator=how.estimator,
        rows=int(inside.sum()),
        prompts=len(np.unique(log.prompt[inside])),
        window=(float(times.min()), float(times.max())) if len(times) else None,
        measures=measures,
        overlap=overlap,
        cautions=[*cautions, *doubts],
        verdict=verdict,
        lost=how.lost,
        on_gaps=how.on_gaps,
        method=how.method,
        level=how.level,
        seed=how.seed,
    )


def _measured(name: str, terms: Terms, propensity: Floats, how: _How) -> Measure:
    span = 1.0 if name == "score" else float(terms.outcome.max())
    threshold = switch_threshold(terms, span) if how.switch is None else how.switch
    ratios = {each: ratio(each, terms, threshold) for each in ESTIMATORS}
    logged = Ratio(terms.outcome, np.ones(len(terms)), terms.stands)

    def interval(found: Ratio, largest: float) -> Interval:
        if how.method == "bootstrap":
            return bootstrapped(found, how.level, how.seed, how.resamples)
        if how.method == "bernstein":
            return bernstein(found, span * largest, how.level)
        return normal(found.value, found.influence, how.level)

    heaviest = 1 / float(propensity.min())  # no weight can be above it
    ranges = {"dm": 1.0, "ips": heaviest, "snips": heaviest, "dr": 1 + 2 * heaviest}
    ranges["switch-dr"] = 1 + 2 * min(heaviest, threshold)
    estimates: dict[str, Interval] = {each: interval(found, ranges[each]) for each, found in ratios.items()}
    before = interval(logged, 1.0)
    chosen = ratios[how.estimator]
    apart = normal(chosen.value - logged.value, chosen.influence - logged.influence, how.level)
    if name == "score" and how.lost and how.on_gaps == "bound":
        estimates = {each: _bounded(found, len(terms), how.lost) for each, found in estimates.items()}
        before = _bounded(before, len(terms), how.lost)
        share = how.lost / (how.lost + len(terms))
        keep = 1 - share
        apart = Interval(keep * apart.value, keep * apart.low - share, keep * apart.high + share)
    return Measure(name, len(terms), before, estimates, apart, threshold)


def _bounded(found: Interval, rows: int, lost: int) -> Interval:
    """Of all decisions, when nothing is known about the lost ones but that a score is in [0, 1] (Manski 1990)."""
    share = lost / (lost + rows)
    keep = 1 - share
    return Interval(keep * found.value + share / 2, keep * found.low, keep * found.high + share)
