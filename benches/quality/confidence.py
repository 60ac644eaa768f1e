"""QUALITY.md §5: does a confidence keep what it promises? Bounds on errors, calibration, texts that are out of scope.

    .venv/bin/python benches/quality/confidence.py --data DIR [--embedding static.safetensors] [--json]

The small tier is trained on train, and read back from its file. Rows drawn from val with replacement choose a
threshold, many times anew; val as a whole, which they were drawn from, says whether the promise was kept. Beside it the
same with one half of val against the other. For ECE, each half of val is measured at the temperature that others ask
for: the other half, and out-of-fold rows of train where these are as fresh (BANKING77). CLINC150's are not: paraphrases
straddle its folds.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from intent_plans import FRESH_FOLDS
from shown import arguments, embedding_of, fit_options, held, show
from tables import folds, read_intents, read_pair

import ecology as eco
from ecology import _core
from ecology.cli.output import steps
from ecology.routing import metrics
from ecology.routing.bound import CannotPromise, error_bound
from ecology.routing.outcomes import Outcomes

FILES = ("clinc150.csv.gz", "banking77.csv.gz")
PAIRS = ("llm_pair_mmlu.csv.gz", "llm_pair_gsm8k.csv.gz")
ALPHAS, DELTA = (0.01, 0.02, 0.05, 0.1), 0.05
HELD_ALPHAS = (0.02, 0.05, 0.1)
DRAWS = 100
CROSSINGS = 10
NEIGHBOURS = 5
FOLDS = 5
FOLDED = "ecology, temperature, out-of-fold rows of train as well"
PROMISE, NAIVE = "ecology, learn-then-test", "naive threshold"
OUT_OF_SCOPE = "oos"
BUCKETS_LOG2 = 12  # beside an embedding
KEPT, COVERAGE, ECE_INTENTS, ECE_ABOVE_FLOOR, AUROC = 0.95, 0.90, 0.02, 0.01, 0.960
NOTE = (
    "To hold: alpha kept in ≥ 95 of 100 draws, coverage ≥ 90 % at alpha = 5 % on CLINC150, ECE ≤ .02 on intents and "
    "≤ floor + .01 elsewhere, AUROC ≥ .960. The floor is what a perfectly calibrated confidence would have measured."
)


@dataclass(frozen=True)
class Intents:
    """The small tier's scores on val: float [rows, labels], before a temperature; what `near` says of the same rows.

    `scope` is False for rows that no label fits. `held_out` are scores and labels of training rows, out-of-fold, where
    those are like fresh rows.
    """

    name: str
    scores: Any
    labels: Any
    scope: Any
    near: dict[str, Any]
    held_out: tuple[Any, Any] | None


def main() -> None:
    """Read the arguments, train, draw, print."""
    parser = arguments(__doc__)
    parser.add_argument("--intents", action="store_true", help="without the routers of the pairs")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of calibration and fresh rows")
    options = parser.parse_args()
    results = []
    with steps(quiet=options.json) as step:
        for name in FILES:
            with step(f"{name}: the small tier") as tell:
                intents = _intents(options.data / name, options, tell)
            with step(f"{name}: {options.draws} draws") as tell:
                results.append(_bounds(intents, options, tell))
            results.append(_calibration(intents, options))
            if not intents.scope.all():
                results.append(_out_of_scope(intents, options))
        for name in () if options.intents else PAIRS:
            with step(f"{name}: {FOLDS} fits") as tell:
                results.append(_router(options.data / name, options, tell))
    show(results, NOTE, options.json)


def _intents(path: Path, options: Any, tell: Callable[[float], None]) -> Intents:
    every, intents, split = read_intents(path)
    learnt = [at for at, part in enumerate(split) if part == "train" and intents[at] != OUT_OF_SCOPE]
    # Rows out of scope were not trained on: those of train are as fresh as those of val.
    asked = [at for at, part in enumerate(split) if part == "val" or intents[at] == OUT_OF_SCOPE]
    train, texts = [every[at] for at in learnt], [every[at] for at in asked]
    names = sorted({intents[at] for at in learnt})
    column = {name: at for at, name in enumerate(names)}
    spec = json.loads(_core.default_features())
    more: tuple[Any, ...] = ()
    name = path.name.removesuffix(".csv.gz")
    file = embedding_of(options.embedding, name)
    if file is not None:
        embedding = eco.StaticEmbedding.load(file)
        more = (embedding,)
        spec |= {"buckets_log2": BUCKETS_LOG2}
        spec |= {"embedding": {"digest": embedding.digest, "dimensions": embedding.dimensions}}
    rows = _core.Features(train, json.dumps(spec), *more)
    known = np.array([column[intents[at]] for at in learnt], np.uint32)
    weights, bias = _core.fit_sparse(rows, known, len(names), options.seed, tell)
    truth = np.array([column.get(label, -1) for label in (intents[at] for at in asked)])
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "small.safetensors"
        _core.write_classifier(written, rows, weights, bias, names, 1.0)
        classifier = eco.LinearClassifier.load(written)
    scores = classifier.scores(texts).astype(np.float64)
    near: dict[str, Any] = {"scope": _scope(classifier, train, [names[at] for at in known], texts, truth >= 0, options)}
    if more:
        trained, seen = more[0].encode(train), more[0].encode(texts)
        near["nearest"] = np.sort(seen @ trained.T, axis=1)[:, -NEIGHBOURS:].mean(axis=1)
        centroids = np.stack([trained[known == at].mean(axis=0) for at in range(len(names))])
        centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
        near["centroid"] = (seen * centroids[scores.argmax(axis=1)]).sum(axis=1)
    held_out = None
    if name in FRESH_FOLDS:
        parts = _core.group_folds(np.arange(len(train), dtype=np.uint32), FOLDS, options.seed)
        held_out = _core.out_of_fold_classifier(rows, known, parts, len(names), options.seed), known
    return Intents(name, scores, truth, truth >= 0, near, held_out)


def _scope(classifier: eco.LinearClassifier, train: Any, labels: Any, texts: Any, inside: Any, options: Any) -> Any:
    """`Scope.score` of every text; what is usual for each half is learned from the in-scope texts of the other."""
    half = np.random.default_rng(options.seed).random(len(texts)) < 0.5
    found = np.empty(len(texts))
    for part in (half, ~half):
        held_out = [texts[at] for at in np.flatnonzero(part & inside)]
        scope = eco.Scope.fit(classifier, train, labels, held_out)
        found[~part] = scope.score([texts[at] for at in np.flatnonzero(~part)])
    return found


# --- promises ---------------------------------------------------------------------------------------------


def _bounds(intents: Intents, options: Any, tell: Callable[[float], None]) -> dict[str, Any]:
    scores, truth = intents.scores[intents.scope], intents.labels[intents.scope]
    right = (scores.argmax(axis=1) == truth).astype(np.float64)
    # The temperature would have to come from other rows than those that test thresholds; only the order counts here.
    sure = _confidence(scores, 1.0)
    everything = np.arange(len(right))
    found: dict[tuple[str, float], list[tuple[bool, bool, bool, float]]] = {}
    for number in range(options.draws):
        generator = np.random.default_rng([options.seed, number])
        drawn = generator.permutation(everything)
        half, other = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
        resample = generator.integers(0, len(right), len(right))
        for alpha in ALPHAS:
            for how, threshold in ((PROMISE, _promised), (NAIVE, _naive)):
                on_pool, on_half = (threshold(sure[rows], right[rows], alpha) for rows in (resample, half))
                error, coverage = _error(sure, right, everything, on_pool)
                fresh_error, _ = _error(sure, right, other, on_half)
                promised = bool(np.isfinite(on_pool))
                kept = (error <= alpha, fresh_error <= alpha, promised, coverage)
                found.setdefault((how, alpha), []).append(kept)
        tell((number + 1) / options.draws)
    rows = []
    for (how, alpha), draws in sorted(found.items(), key=lambda item: (item[0][0] != PROMISE, item[0][1])):
        kept, kept_on_half, promised, coverage = np.mean(draws, axis=0).tolist()
        holds = held(kept, KEPT) if how == PROMISE and alpha in HELD_ALPHAS else ""
        if how == PROMISE and alpha == 0.05 and intents.name == "clinc150":
            holds += f", coverage {held(coverage, COVERAGE)}"
        row = {"how": how, "alpha": alpha, "kept": kept, "kept_on_other_half": kept_on_half}
        rows.append(row | {"promised": promised, "coverage": coverage, "held": holds})
    shares = ("kept", "kept_on_other_half", "promised")
    return {
        "title": f"{intents.name}: errors of at most alpha; {options.draws} draws of {len(right)} rows in scope",
        "columns": ["alpha", "kept", "on the other half", "promised", "coverage", "to hold"],
        "rows": rows,
        "cells": [
            [r["how"], f"{r['alpha']:.0%}", *(f"{r[s]:.0%}" for s in shares), f"{r['coverage']:.1%}", r["held"]]
            for r in rows
        ],
        "remarks": [
            f"accuracy of the small tier {right.mean():.3f}; δ = {DELTA:.0%}; a draw without a promise is kept, at "
            "coverage 0; a fresh half also has its own luck: there even a true promise is broken now and then"
        ],
    }


def _promised(sure: Any, right: Any, alpha: float) -> float:
    promise = error_bound(sure, right, alpha, DELTA)
    return np.inf if isinstance(promise, CannotPromise) else promise.threshold


def _error(sure: Any, right: Any, rows: Any, threshold: float) -> tuple[float, float]:
    """Of what is answered among `rows`, and the share that is."""
    answered = rows[sure[rows] >= threshold]
    return (float(1 - right[answered].mean()) if len(answered) else 0.0), len(answered) / len(rows)


def _naive(sure: Any, right: Any, alpha: float) -> float:
    """The lowest threshold whose error on the very rows that it is chosen on is at most alpha."""
    order = np.argsort(-sure, kind="stable")
    error = np.cumsum(1 - right[order]) / np.arange(1, len(order) + 1)
    within = np.flatnonzero(error <= alpha)
    return float(sure[order[within[-1]]]) if len(within) else np.inf


# --- calibration ------------------------------------------------------------------------------------------


def _calibration(intents: Intents, options: Any) -> dict[str, Any]:
    scores, truth = intents.scores[intents.scope].astype(np.float32), intents.labels[intents.scope]
    right = (scores.argmax(axis=1) == truth).astype(np.float64)
    ways = ["ecology, temperature", "as trained", "floor"]
    if intents.held_out is not None:
        ways.insert(1, FOLDED)
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(min(options.draws, CROSSINGS)):
        drawn = np.random.default_rng([options.seed, number]).permutation(len(right))
        halves = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
        sure, folded = np.empty(len(right)), np.empty(len(right))
        for chosen, fresh in (halves, halves[::-1]):
            given, labels = np.ascontiguousarray(scores[chosen]), truth[chosen].astype(np.uint32)
            sure[fresh] = _confidence(scores[fresh], _core.fit_temperature(given, labels))
            if intents.held_out is not None:
                more, known = intents.held_out
                given, labels = np.concatenate([given, more]), np.concatenate([labels, known])
                folded[fresh] = _confidence(scores[fresh], _core.fit_temperature(given, labels))
        if intents.held_out is not None:
            measured[FOLDED].append(metrics.ece(folded, right))
        measured["ecology, temperature"].append(metrics.ece(sure, right))
        measured["as trained"].append(metrics.ece(_confidence(scores, 1.0), right))
        measured["floor"].append(_floor(sure))
    rows = [
        {"name": name, "ece": float(np.mean(found)), "held": held(float(np.mean(found)), ECE_INTENTS, at_most=True)}
        for name, found in measured.items()
    ]
    for row in rows:
        if not row["name"].startswith("ecology"):
            row["held"] = ""
    return _ece_table(f"{intents.name}: expected calibration error of the small tier, in scope", rows)


def _router(path: Path, options: Any, tell: Callable[[float], None]) -> dict[str, Any]:
    """P(good) of each model by a learned router, cross-fitted."""
    table = read_pair(path)
    sure = np.empty_like(table.scores)
    for number, (train_rows, test_rows) in enumerate(folds(table.prompts, FOLDS, options.seed)):
        outcomes = Outcomes.of_log(table.take(train_rows).outcomes())
        router = eco.Router.fit(outcomes, seed=options.seed, **fit_options(options, table.name))
        columns = [router.models.index(model) for model in table.models]
        sure[test_rows] = router.score_batch(table.take(test_rows).prompts)[:, columns]
        tell((number + 1) / FOLDS)
    rows = []
    for at, model in enumerate(table.models):
        measured, floor = metrics.ece(sure[:, at], table.scores[:, at]), _floor(sure[:, at])
        holds = held(measured, round(floor + ECE_ABOVE_FLOOR, 4), at_most=True)
        rows.append({"name": f"ecology, {model}", "ece": float(measured), "held": holds})
        rows.append({"name": f"floor, {model}", "ece": floor, "held": ""})
    return _ece_table(f"{table.name}: expected calibration error of the router's P(good), {FOLDS} folds", rows)


def _ece_table(title: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    cells = [[row["name"], f"{row['ece']:.4f}", row["held"]] for row in rows]
    return {"title": title, "columns": ["ECE", "to hold"], "rows": rows, "cells": cells, "remarks": []}


def _floor(sure: Any) -> float:
    return float(metrics.ece_floor(sure)[0])


# --- out of scope -----------------------------------------------------------------------------------------


def _out_of_scope(intents: Intents, options: Any) -> dict[str, Any]:
    scores, inside = intents.scores, intents.scope
    ordered = np.sort(scores, axis=1)
    highest, margin = ordered[:, -1], ordered[:, -1] - ordered[:, -2]
    measures = {
        "ecology, Scope.score": intents.near["scope"],
        "margin": margin,
        "confidence (highest softmax)": _confidence(scores, 1.0),
        "highest score": highest,
    }
    if "nearest" in intents.near:
        near, centroid = intents.near["nearest"], intents.near["centroid"]
        measures |= {
            f"cosine to the {NEIGHBOURS} nearest training texts": near,
            "cosine to the centroid of the best label": centroid,
            f"lead: margin + {NEIGHBOURS} nearest": _standard(margin) + _standard(near),
            f"lead: highest score + {NEIGHBOURS} nearest": _standard(highest) + _standard(near),
            "lead: highest score + centroid": _standard(highest) + _standard(centroid),
        }

    def areas(rows: Any) -> dict[str, float]:
        return {name: auroc(value[rows], inside[rows]) for name, value in measures.items()}

    intervals = metrics.bootstrap(areas, len(inside), seed=options.seed, resamples=min(options.resamples, 400))
    rows = []
    for name, value in measures.items():
        found = intervals[name]
        low = np.quantile(value[inside], [0.05, 0.10])  # thresholds that refuse so many texts of the scope
        rows.append(
            {
                "name": name,
                "auroc": found.value,
                "low": found.low,
                "high": found.high,
                "recall": [float((value[~inside] < edge).mean()) for edge in low],
                "held": held(found.value, AUROC),
            }
        )
    return {
        "title": f"{intents.name}: {int((~inside).sum())} texts out of scope among {len(inside)}",
        "columns": ["AUROC [95 %]", "recall at 5 %", "at 10 % false alarms", "to hold"],
        "rows": rows,
        "cells": [
            [
                r["name"],
                f"{r['auroc']:.3f} [{r['low']:.3f}, {r['high']:.3f}]",
                f"{r['recall'][0]:.2f}",
                f"{r['recall'][1]:.2f}",
                r["held"],
            ]
            for r in rows
        ],
        "remarks": [] if "nearest" in intents.near else ["without --embedding nothing is known of nearness"],
    }


def auroc(value: Any, positive: Any) -> float:
    """How often a positive row is above a negative one; ties count half.

    >>> auroc(np.array([0.1, 0.2, 0.2, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    values, place, counts = np.unique(value, return_inverse=True, return_counts=True)
    del values
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def _confidence(scores: Any, temperature: float) -> Any:
    """The highest softmax. [rows]"""
    scaled = np.asarray(scores, np.float64) / temperature
    return 1.0 / np.exp(scaled - scaled.max(axis=1, keepdims=True)).sum(axis=1)


def _standard(value: Any) -> Any:
    return (value - value.mean()) / value.std()


if __name__ == "__main__":
    main()
