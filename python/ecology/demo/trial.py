"""A population measured: every test text through `answer()`, with the processor's time and the wall's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..ecology import Ecology
from ..stats import wilson

__all__ = ["Trial", "run_trials"]

WARM_UP = 20
CHUNK = 50


@dataclass
class Trial:
    """What one population did on the same texts. Compute is processor time of the whole process, per request."""

    correct: list[bool] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    compute_ms: float = 0.0
    models: Counter[str] = field(default_factory=Counter)
    escalated: list[int] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Requests."""
        return len(self.correct)

    def to_dict(self) -> dict[str, Any]:
        """Accuracy with its interval, compute and latency."""
        right = sum(self.correct)
        ordered = sorted(self.latency_ms)
        return {
            "accuracy": right / self.n,
            "accuracy_ci": list(wilson(right, self.n)),
            "compute_ms_per_request": self.compute_ms / self.n,
            "p50_ms": ordered[len(ordered) // 2],
            "p99_ms": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        }

    def share(self) -> dict[str, float]:
        """The share of requests that each model took part in."""
        return {model: count / self.n for model, count in sorted(self.models.items())}


def run_trials(
    ecologies: Sequence[Ecology], texts: Sequence[str], labels: Sequence[str], progress: Callable[[float], None]
) -> list[Trial]:
    """Put the same texts to each ecology, in turns of a few, so that a slow minute of the machine is shared."""
    trials = [Trial() for _ in ecologies]
    for ecology in ecologies:
        for text in texts[:WARM_UP]:
            ecology.answer(text)
    for start in range(0, len(texts), CHUNK):
        for ecology, trial in zip(ecologies, trials, strict=True):
            _run(ecology, trial, texts[start : start + CHUNK], labels[start : start + CHUNK], start)
        progress(min(1.0, (start + CHUNK) / len(texts)))
    return trials


def _run(ecology: Ecology, trial: Trial, texts: Sequence[str], labels: Sequence[str], start: int) -> None:
    answers = []
    cpu = time.process_time()
    for text in texts:
        began = time.perf_counter()
        answers.append(ecology.answer(text))
        trial.latency_ms.append((time.perf_counter() - began) * 1e3)
    trial.compute_ms += (time.process_time() - cpu) * 1e3
    # Looking at the answers is the trial's work, not the ecology's.
    for at, (answer, label) in enumerate(zip(answers, labels, strict=True)):
        trial.correct.append(answer.output == label)
        legs = answer.attribution["legs"]
        trial.models.update(leg["model"].partition("@")[0] for leg in legs)
        if len(legs) > 1:
            trial.escalated.append(start + at)
