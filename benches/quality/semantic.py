"""A semantic decision beside an encoder: how much processor time, at which share of its accuracy."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from intent_tiers import LARGE, Trained
from shown import held

from ecology import Ecology
from ecology.backends.static_embedding import Teacher
from ecology.demo.run import Step
from ecology.demo.trial import Trial

__all__ = ["Semantic", "measure_semantic"]

PROBES = 200
MOST_TIME, LEAST_ACCURACY = 1 / 100, 0.95


@dataclass(frozen=True)
class Semantic:
    """Milliseconds of processor time a prompt, and accuracies on the judged rows. `vector` is the embedding alone."""

    answer_ms: float
    vector_ms: float
    int8_ms: float
    fp32_ms: float
    accuracy: float
    accuracy_int8: float
    accuracy_fp32: float

    def to_dict(self) -> dict[str, float]:
        """With the two ratios that are to hold."""
        return asdict(self) | {"time_ratio": self.answer_ms / self.int8_ms, "accuracy_ratio": self._share}

    @property
    def _share(self) -> float:
        return self.accuracy / self.accuracy_int8

    def remarks(self) -> list[str]:
        """One line."""
        ratio = self.answer_ms / self.int8_ms
        return [
            f"a semantic decision, all of `answer()`: {self.answer_ms * 1e3:.1f} µs of processor time (its vector "
            f"alone {self.vector_ms * 1e3:.1f} µs from Python); MiniLM int8, no head: {self.int8_ms:.2f} ms, fp32 "
            f"{self.fp32_ms:.2f} ms. 1/{1 / ratio:.0f} of int8's time {held(ratio, MOST_TIME, at_most=True)} at "
            f"{self._share:.1%} of its accuracy ({self.accuracy_int8:.4f}) {held(self._share, LEAST_ACCURACY)}"
        ]


def measure_semantic(trained: Trained, small: Trial, population: Path, step: Step) -> Semantic:
    """Each thing on the same prompts, one call a prompt; `population` has the small tier alone."""
    texts = trained.judged.texts[:PROBES]
    encoders = {name: Teacher.open(folder).encoder for name, folder in trained.encoders.items()}
    work = {"vector": trained.table.encode, **{name: each.encode for name, each in encoders.items()}}
    with Ecology.open(population) as ecology, step("a semantic decision beside an encoder"):
        answer_ms = _least(lambda: [ecology.answer(text) for text in texts], PROBES)
        taken = {
            name: _least(lambda call=call: [call([text]) for text in texts], PROBES) for name, call in work.items()
        }
    truth = trained.truth
    return Semantic(
        answer_ms=answer_ms,
        vector_ms=taken["vector"],
        int8_ms=taken["int8"],
        fp32_ms=taken["fp32"],
        accuracy=float(np.mean(small.correct)),
        accuracy_int8=float((trained.judged_int8.argmax(axis=1) == truth).mean()),
        accuracy_fp32=float((trained.heads[LARGE].scores.argmax(axis=1) == truth).mean()),
    )


def _least(work: Any, n: int) -> float:
    """Milliseconds of processor time for each of `n`, the least of three: other work on the machine only adds."""
    measured = []
    for _ in range(3):
        started = time.process_time()
        work()
        measured.append((time.process_time() - started) * 1e3 / n)
    return min(measured)
