"""The small tier with meaning: n-grams beside a static embedding that is distilled from the large tier's encoder."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from trials import row_of

from ecology import Ecology, StaticEmbedding, _core
from ecology.backends.minilm import build
from ecology.backends.static_embedding import Teacher, distil
from ecology.demo.corpus import TRAIN, VAL
from ecology.demo.population import write_population
from ecology.demo.run import Result, Step
from ecology.demo.tier import Tier, columns_of
from ecology.demo.trial import run_trials
from ecology.routing.solve import Validation, solve_cascade

__all__ = ["Semantic", "measure_static"]

BUCKETS_LOG2 = 12  # beside an embedding, 4,096 buckets do as well as 32,768
PROBES = 200
NAME = "small"


@dataclass(frozen=True)
class Semantic:
    """Rows like those of `trials.measure`, and what a semantic decision costs beside an encoder."""

    rows: list[dict[str, Any]]
    times: dict[str, float]


def measure_static(result: Result, seed: int, target: float, step: Step) -> Semantic | None:
    """Distil on the training texts, train, solve the cascade on validation rows, and put test texts through in turns.

    None without the encoder's weights.
    """
    if result.missing is not None:
        return None
    train, val, test = (result.corpus.part(split) for split in (TRAIN, VAL, "test"))
    table = distil(train.texts, Teacher.open(result.folder), step=step)
    with step("small + static: n-grams and the embedding in one head") as progress:
        tier = _train(table, result, seed, progress)
    rows = Validation(
        models=(NAME, "large"),
        score=np.stack([part.correct(part.val_scores, val) for part in (tier, result.large)], axis=1),
        leg=np.stack([part.confidence(part.val_scores) for part in (tier, result.large)], axis=1),
        cost=np.array([0.02, 5.0]),
    )
    solution = solve_cascade(rows, NAME, "large", target)
    plan = {"kind": "cascade", "first": NAME, "then": "large", "leg_confidence": solution.threshold}
    files = [
        _written(result.folder, [tier], {"kind": "direct"}, NAME),
        _written(result.folder, [result.large], {"kind": "direct"}, "large"),
        _written(result.folder, [tier, result.large], plan, "large"),
    ]
    with ExitStack() as stack, step(f"test: {len(test)} texts through each") as progress:
        ecologies = [stack.enter_context(Ecology.open(file)) for file in files]
        alone, large, cascade = run_trials(ecologies, test.texts, test.labels, progress)
    facts = {"threshold": solution.threshold, "reached": solution.reached, "kind": "leg", "baseline": "static cascade"}
    said = [
        {"name": "small + static", "chosen": False, "baseline": "static"} | row_of(alone, large),
        {"name": "cascade from it", "chosen": False} | facts | row_of(cascade, large),
    ]
    return Semantic(said, _times(result.folder, table, alone.compute_ms / alone.n, test.texts[:PROBES]))


def _train(table: StaticEmbedding, result: Result, seed: int, progress: Any) -> Tier:
    train, val = (result.corpus.part(split) for split in (TRAIN, VAL))
    spec = json.dumps(json.loads(_core.default_features()) | {"buckets_log2": BUCKETS_LOG2})
    rows = _core.Features(train.texts, spec, table)
    names = train.names
    weights, bias = _core.fit_sparse(rows, columns_of(train, names), len(names), seed, progress)
    scores = _core.Features(val.texts, spec, table).score(weights, bias)
    temperature = _core.fit_temperature(scores, columns_of(val, names))
    path = result.folder / "static-small.safetensors"
    _core.write_classifier(path, rows, weights, bias, names, temperature)
    return Tier(
        name=NAME,
        tier="small",
        role="champion",
        backend={"kind": "linear", "path": path.name},
        family="hashed-linear",
        labels=tuple(names),
        temperature=temperature,
        train_scores=np.empty((0, len(names))),
        val_scores=scores,
    )


def _written(folder: Path, tiers: list[Tier], plan: dict[str, Any], baseline: str) -> Path:
    path = write_population(folder, tiers, plan, {}, file=f".static-{len(tiers)}-{baseline}.toml")
    path.write_text(path.read_text().replace('baseline = "large"', f'baseline = "{baseline}"'))
    return path


def _times(folder: Path, table: StaticEmbedding, decision_ms: float, texts: list[str]) -> dict[str, float]:
    """Processor time per prompt: of the whole answer of the static tier, of its vector alone, of the encoder."""
    int8 = build(folder / "int8", precision="int8")
    encoders = {"fp32": Teacher.open(folder).encoder, "int8": Teacher.open(int8.onnx.parent).encoder}
    times = {"answer": decision_ms, "vector": _least(lambda: [table.encode([text]) for text in texts], len(texts))}
    for precision, encoder in encoders.items():
        times[f"minilm_{precision}"] = _least(lambda encoder=encoder: [encoder.encode([t]) for t in texts], len(texts))
    return times


def _least(work: Any, n: int) -> float:
    """Milliseconds of processor time for each of `n`, the least of five: other work on the machine only adds."""
    measured = []
    for _ in range(5):
        started = time.process_time()
        work()
        measured.append((time.process_time() - started) * 1e3 / n)
    return min(measured)
