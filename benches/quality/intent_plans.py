"""Plans of the headline: solved by the product on rows that nothing was trained on, carried out on others.

The judged rows are in two parts (halves of val, or val and test): each part is answered under the plans that the other
part chose, so that every row counts and none chose its own threshold. Where the folds of train are as fresh as val
(BANKING77: val was drawn from the same rows), out-of-fold outcomes on train choose as well; CLINC150's train tells the
same request in many ways, on both sides of any fold, and would promise too much.
"""

from __future__ import annotations

import csv
import gzip
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from intent_tiers import LARGE, PLAIN, SMALL, Trained

from ecology import Cascade, Ecology
from ecology.demo.corpus import TRAIN, VAL
from ecology.demo.population import write_population
from ecology.demo.run import Step
from ecology.demo.tier import Tier, columns_of
from ecology.demo.trial import Trial, run_trials
from ecology.policy import MaxCost, QualityTarget
from ecology.routing.goals import Solved, solve_goal
from ecology.routing.validation import Validation

__all__ = [
    "AVERAGED",
    "CASCADE",
    "CHEAP",
    "FRESH_FOLDS",
    "Measured",
    "Repeated",
    "measure",
    "repeated",
    "write_outcomes",
]

CASCADE, AVERAGED, CHEAP = "cascade", "cascade, votes averaged", "the best at ≤ 10 % of large"
CHEAP_SHARE = 0.10
FRESH_FOLDS = ("banking77",)
USD_PER_MS = 0.04 / 3_600_000  # a processor's hour at four cents: costs are in one unit, which one is no matter
PROBES = 200
DRAWS = 10


@dataclass
class Measured:
    """`trials` by contender, over the judged rows in their order; `solved` by plan, one for each part; `costs` in ms of
    each tier alone, on other texts: what was solved with."""

    trials: dict[str, Trial] = field(default_factory=dict)
    solved: dict[str, list[Solved]] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)


def measure(trained: Trained, folder: Path, target: float, margin: float, step: Step, *, fresh_folds: bool) -> Measured:
    """Solve on each part, answer the other, everyone in turns."""
    n = len(trained.judged)
    parts = np.arange(trained.first), np.arange(trained.first, n)
    found = Measured()
    costs: dict[str, float] = {}
    pieces = []
    for number, (chosen_by, answered) in enumerate((parts, parts[::-1])):
        place = folder / f"part-{number}"
        place.mkdir(parents=True)
        tiers = {name: trained.tier(name, place, chosen_by) for name in (PLAIN, SMALL, LARGE)}
        alone = {name: _population(place, [tier], {"kind": "direct"}, name) for name, tier in tiers.items()}
        if not costs:
            costs = found.costs = _costs(alone, trained, step)
        rows = _rows(trained, costs, chosen_by, fresh_folds)
        plain = Validation(rows.models, rows.score, rows.leg, rows.cost)
        contenders = dict(alone)
        for name, goal in _goals(target, margin, costs).items():
            solved = solve_goal(goal, plain if name == CASCADE else rows)
            found.solved.setdefault(name, []).append(solved)
            contenders[name] = _population(place, [tiers[SMALL], tiers[LARGE]], _table(solved), LARGE, name)
        pieces.append((answered, _run(contenders, trained, answered, step)))
    pieces.sort(key=lambda piece: int(piece[0][0]))
    for name in pieces[0][1]:
        found.trials[name] = _joined([piece[name] for _, piece in pieces], trained.first)
    return found


def _table(solved: Solved) -> dict[str, Any]:
    table = solved.point.plan.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return {"kind": solved.point.plan.kind} | table


def _rows(trained: Trained, costs: dict[str, float], chosen_by: Any, fresh_folds: bool) -> Validation:
    names, votes = (SMALL, LARGE), {}
    for name in names:
        head = trained.heads[name]
        scores = [head.scores[chosen_by], head.held_out] if fresh_folds else [head.scores[chosen_by]]
        votes[name] = _softmax(np.concatenate(scores), trained.temperature(name, chosen_by))
    truth = [trained.truth[chosen_by]]
    if fresh_folds:
        truth.append(columns_of(trained.corpus.part(TRAIN), trained.labels))
    right = np.concatenate(truth).astype(np.intp)
    score = np.stack([votes[name].argmax(axis=1) == right for name in names], axis=1).astype(np.float64)
    leg = np.stack([votes[name].max(axis=1) for name in names], axis=1)
    cost = np.array([costs[name] for name in names]) * USD_PER_MS
    return Validation(names, score, leg, cost, votes=votes, truth=right)


def _softmax(scores: Any, temperature: float) -> Any:
    scaled = np.asarray(scores, np.float64) / temperature
    shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _goals(target: float, margin: float, costs: dict[str, float]) -> dict[str, QualityTarget | MaxCost]:
    goal = QualityTarget(of=LARGE, share=target, margin=margin)
    return {CASCADE: goal, AVERAGED: goal, CHEAP: MaxCost(usd_per_request=CHEAP_SHARE * costs[LARGE] * USD_PER_MS)}


@dataclass(frozen=True)
class Repeated:
    """One goal solved on many random halves: what the other halves had to say, in the mean."""

    halves: int
    gap: float
    kept: float
    large_runs: float


def repeated(
    trained: Trained, target: float, margin: float, costs: dict[str, float], seed: int, *, fresh_folds: bool
) -> dict[str, Repeated]:
    """Without answering: plans of `DRAWS` pairs of random halves, looked up in the scores. One split proves little."""
    n = len(trained.judged)
    found: dict[str, list[tuple[float, float]]] = {}
    for number in range(DRAWS):
        drawn = np.random.default_rng([seed, number]).permutation(n)
        halves = drawn[: n // 2], drawn[n // 2 :]
        for chosen_by, other in (halves, halves[::-1]):
            rows = _rows(trained, costs, chosen_by, fresh_folds)
            votes = [
                _softmax(trained.heads[name].scores[other], trained.temperature(name, chosen_by))
                for name in (SMALL, LARGE)
            ]
            right = [each.argmax(axis=1) == trained.truth[other] for each in votes]
            for name in (AVERAGED, CHEAP):
                plan = solve_goal(_goals(target, margin, costs)[name], rows).point.plan
                if isinstance(plan, Cascade):
                    escalated = votes[0].max(axis=1) < plan.leg_confidence
                    both = plan.weights[0] * votes[0] + plan.weights[1] * votes[1]
                    last = right[1] if plan.combine == "last" else both.argmax(axis=1) == trained.truth[other]
                    score, runs = np.where(escalated, last, right[0]), float(escalated.mean())
                else:
                    alone = getattr(plan, "model", LARGE) != SMALL
                    score, runs = right[int(alone)], float(alone)
                found.setdefault(name, []).append((float(score.mean() - right[1].mean()), runs))
    return {
        name: Repeated(
            len(each),
            float(np.mean([gap for gap, _ in each])),
            float(np.mean([gap >= 0 for gap, _ in each])),
            float(np.mean([runs for _, runs in each])),
        )
        for name, each in found.items()
    }


def _population(folder: Path, tiers: list[Tier], plan: dict[str, Any], baseline: str, name: str = "alone") -> Path:
    file = f"{baseline}-{name.replace(' ', '-').replace('%', '').replace(',', '')}.toml"
    path = write_population(folder, tiers, plan, {}, file=file)
    path.write_text(path.read_text().replace('baseline = "large"', f'baseline = "{baseline}"'))
    return path


def _costs(alone: dict[str, Path], trained: Trained, step: Step) -> dict[str, float]:
    """Processor time of an answer of each tier alone, in ms."""
    train = trained.corpus.part(TRAIN)
    texts, labels = train.texts[:PROBES], train.labels[:PROBES]
    with ExitStack() as stack, step("compute of each tier, alone") as tell:
        ecologies = [stack.enter_context(Ecology.open(path)) for path in alone.values()]
        trials = run_trials(ecologies, texts, labels, tell)
    return {name: trial.compute_ms / trial.n for name, trial in zip(alone, trials, strict=True)}


def _run(contenders: dict[str, Path], trained: Trained, rows: Any, step: Step) -> dict[str, Trial]:
    texts = [trained.judged.texts[row] for row in rows]
    labels = [trained.judged.labels[row] for row in rows]
    with ExitStack() as stack, step(f"{len(texts)} texts through {len(contenders)} populations") as tell:
        ecologies = [stack.enter_context(Ecology.open(path)) for path in contenders.values()]
        return dict(zip(contenders, run_trials(ecologies, texts, labels, tell), strict=True))


def _joined(pieces: list[Trial], first: int) -> Trial:
    one, other = pieces
    return Trial(
        one.correct + other.correct,
        one.latency_ms + other.latency_ms,
        one.compute_ms + other.compute_ms,
        one.models + other.models,
        one.escalated + [first + at for at in other.escalated],
    )


def write_outcomes(path: Path, trained: Trained, found: Measured, folder: Path, *, fresh_folds: bool) -> None:
    """What `ecology justify` reads, of tiers and specialists: on the judged rows (calibrated by the other part) for
    validation, and out-of-fold on train as fresh rows; where `fresh_folds` the other way round, since it is the
    many rows that have to choose."""
    n, fit, judged = len(trained.judged), trained.corpus.part(TRAIN), trained.judged
    place = folder / "outcomes"
    place.mkdir(exist_ok=True)
    parts = np.arange(trained.first), np.arange(trained.first, n)
    folded, told_split = ((VAL, "out-of-fold"), TRAIN) if fresh_folds else ((TRAIN, "out-of-fold"), VAL)
    judged_split = (told_split, "out-of-fold")  # fresh for both tiers, as out-of-fold rows are
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("prompt", "model", "score", "latency_ms", "leg_confidence", "split", "fold"))
        for name in (SMALL, LARGE):
            trial = found.trials[name]
            ms = trial.compute_ms / trial.n
            sure = np.empty(n)
            for chosen_by, told in (parts, parts[::-1]):
                tier = trained.tier(name, place, chosen_by)
                sure[told] = tier.confidence(tier.val_scores)[told]
            right = tier.correct(tier.val_scores, judged)
            for text, score, leg in zip(judged.texts, right, sure, strict=True):
                rows.writerow((text, f"{name}@1", score, ms, leg, *judged_split))
            right, sure = tier.correct(tier.train_scores, fit), tier.confidence(tier.train_scores)
            for text, score, leg in zip(fit.texts, right, sure, strict=True):
                rows.writerow((text, f"{name}@1", score, ms, leg, *folded))
            if name == SMALL and not np.isnan(trained.domains["right"]).any():
                for text, score in zip(judged.texts, trained.domains["right"], strict=True):
                    rows.writerow((text, "specialists@1", score, 2 * ms, "", *judged_split))
                for text, score in zip(fit.texts, trained.domains["held_out"], strict=True):
                    rows.writerow((text, "specialists@1", score, 2 * ms, "", *folded))
