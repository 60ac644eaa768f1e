"""A model that infers the task of a prompt, with a calibrated probability, and abstains where it is not sure.

    model = IntentModel.fit(texts, tasks)
    model.infer(["Where is my card?"])            # (["support"], array([0.97]))
    model.save("intent.safetensors")

A wrong task is worse than none: a specialist would answer what it knows nothing of, under a plan that was solved for
something else. So the fit also solves the confidence from which on the model is right often enough, on rows that it did
not learn from.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import ArtifactError, OutcomesError, Violation
from ..messages import read_input
from ..stats import wilson

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["IntentModel", "least_confidence"]

FIX = "give at least two tasks, and some texts of each"


class IntentModel:
    """A linear classifier over the features that routing reads anyway; its labels are tasks. Immutable."""

    def __init__(self, weights: _core.IntentWeights) -> None:
        self._weights = weights
        self._card: dict[str, Any] = json.loads(weights.card or "{}")

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        tasks: Sequence[str],
        *,
        groups: Sequence[str] | None = None,
        like: _core.RouterWeights | str | os.PathLike[str] | None = None,
        target_accuracy: float = 0.95,
        validation_share: float = 0.2,
        seed: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> IntentModel:
        """Train, calibrate, and solve the threshold.

        Args:
            texts: n prompts.
            tasks: their n tasks, as contracts name them.
            groups: n names; texts of one group (tellings of one situation) are all learned from or all judged by.
                Without it equal texts are a group.
            like: a router, or the file of one, beside which the model will serve: it reads the same features then, so
                that they are extracted once for both. Without it, the default features.
            target_accuracy: in (0, 1]: how often an inferred task has to be right. The threshold is the least
                confidence at and above which it is, on the validation rows.
            validation_share: in (0, 0.9], of the groups, chosen by a hash. Temperature, threshold and all figures of
                `card` are of these rows, so the figures are a little kind.
            seed: of the split and the training. The same rows and seed give the same bytes.
            progress: told a rising number in [0, 1].

        Raises:
            OutcomesError: with all that is wrong about the rows.
            ArtifactError: `like` is no router.

        >>> texts = [f"{ask} number {n}" for n in range(40) for ask in ("refund my order", "translate this letter")]
        >>> model = IntentModel.fit(texts, ["refunds", "translation"] * 40)
        >>> model.tasks, model.infer(["please refund order 7"])[0]
        (['refunds', 'translation'], ['refunds'])
        >>> 0.5 <= model.min_confidence <= 1, model.card["validation"]["accuracy"]
        (True, 1.0)
        """
        import numpy as np

        texts, tasks = list(texts), list(tasks)
        judged = _checked(texts, tasks, groups, validation_share, seed, target_accuracy)
        if isinstance(like, str | os.PathLike):
            like = _core.RouterWeights.read(Path(like))
        spec, embedding = (None, None) if like is None else (like.features, like.embedding)
        names = sorted(set(tasks))
        position = {task: at for at, task in enumerate(names)}
        labels = np.array([position[task] for task in tasks], dtype=np.uint32)
        train, held = (
            [at for at, is_held in enumerate(judged) if not is_held],
            [at for at, yes in enumerate(judged) if yes],
        )
        rows = _core.Features([texts[at] for at in train], spec, embedding)
        weights, bias = _core.fit_sparse(rows, labels[train], len(names), seed, progress)
        held_texts = [texts[at] for at in held]
        scores = _core.Features(held_texts, spec, embedding).score(weights, bias)
        temperature = _core.fit_temperature(scores, labels[held])

        def built(card: dict[str, Any]) -> _core.IntentWeights:
            return _core.IntentWeights.fitted(rows, weights, bias, names, temperature, json.dumps(card))

        # As it will be served: the weights are rounded by now.
        inferred, confidence = built({}).infer(held_texts)
        right = np.array([said == tasks[at] for said, at in zip(inferred, held, strict=True)])
        card = {
            "rows": len(texts),
            "seed": seed,
            "data_digest": _digest(texts, tasks),
            "target_accuracy": target_accuracy,
            **_measured(confidence, right, target_accuracy),
        }
        return cls(built(card))

    @property
    def tasks(self) -> list[str]:
        """The tasks that it tells apart, sorted."""
        return self._weights.tasks

    @property
    def min_confidence(self) -> float | None:
        """The solved threshold in [0, 1]: None where no confidence reached the target, or nobody looked for one."""
        value: float | None = self._card.get("min_confidence")
        return value

    @property
    def card(self) -> dict[str, Any]:
        """What it was fitted on, and how good it was on validation rows."""
        return self._card

    @property
    def digest(self) -> str:
        """SHA-256 of the file it is saved as."""
        return self._weights.digest

    @property
    def features(self) -> str:
        """The feature spec, as JSON."""
        return self._weights.features

    def infer(self, texts: Sequence[str]) -> tuple[list[str], npt.NDArray[np.float32]]:
        """The likeliest task of each text and its probability, float32 [n] in (0, 1], whatever the threshold.

        Raises:
            InvalidRequest: a text is empty or not valid text.
        """
        return self._weights.infer([read_input(text)[0] for text in texts])

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write a safetensors file, whole or not at all; returns its digest."""
        return self._weights.write(Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> IntentModel:
        """Read a file that `save` wrote, or any linear classifier of `ecology`.

        Raises:
            ArtifactError: it is not one.
        """
        weights = _core.IntentWeights.read(Path(path))
        try:
            return cls(weights)
        except ValueError as error:
            fix = "restore the file, or train it again"
            raise ArtifactError(str(path), f"its card cannot be read: {error}", fix) from error

    def __repr__(self) -> str:
        least = "none solved" if self.min_confidence is None else f"{self.min_confidence:.3f}"
        return f"IntentModel(tasks={self.tasks}, min_confidence={least})"


def least_confidence(confidence: Any, right: Any, target: float) -> float | None:
    """The least value such that the share of `right` among rows of at least that confidence reaches `target`: the most
    coverage at that accuracy. None if no value does.

    >>> least_confidence([0.9, 0.8, 0.7, 0.6], [True, True, False, True], 0.75)
    0.6
    >>> least_confidence([0.9, 0.8, 0.7, 0.6], [True, True, False, True], 0.9)
    0.8
    >>> least_confidence([0.9, 0.8], [False, True], 0.9)
    """
    import numpy as np

    confidence, right = np.asarray(confidence), np.asarray(right, dtype=np.float64)
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # Rows of equal confidence are believed together.
    last = np.append(ranked[1:] != ranked[:-1], True) if len(order) else np.zeros(0, bool)
    reaching = np.flatnonzero(last & (accuracy >= target))
    return float(ranked[reaching[-1]]) if reaching.size else None


def _measured(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_], target: float) -> dict[str, Any]:
    from .metrics.calibration import ece

    least = least_confidence(confidence, right, target)
    believed = right[confidence >= (2.0 if least is None else least)]
    low, high = wilson(int(believed.sum()), len(believed))
    return {
        "min_confidence": least,
        "validation": {
            "rows": len(right),
            "accuracy": float(right.mean()),
            "ece": float(ece(confidence, right.astype(float))),
            "coverage": len(believed) / len(right),
            "accuracy_when_inferred": float(believed.mean()) if len(believed) else None,
            "interval_95": [low, high],
        },
    }


def _checked(
    texts: list[str],
    tasks: list[str],
    groups: Sequence[str] | None,
    share: float,
    seed: int,
    target: float,
) -> list[bool]:
    """Which rows are for validation; every task has rows on both sides' account, or all reasons why not are raised."""
    found = []
    keys = list(texts if groups is None else groups)
    if not len(texts) == len(tasks) == len(keys):
        problem = f"{len(texts)} texts, {len(tasks)} tasks and {len(keys)} groups"
        raise OutcomesError([Violation("intent", problem, "give one task for each text")])
    for name, value, upper in (("validation_share", share, 0.9), ("target_accuracy", target, 1.0)):
        if not 0 < value <= upper:
            found.append(Violation(name, f"it is {value:g}", f"give a number above 0, at most {upper:g}"))
    blank = [at for at, text in enumerate(texts) if not isinstance(text, str) or not text.strip()]
    unnamed = [at for at, task in enumerate(tasks) if not isinstance(task, str) or not task.strip()]
    for what, rows in (("text", blank), ("task", unnamed)):
        if rows:
            found.append(Violation("intent", f"row {rows[0]} has no {what} ({len(rows)} such rows)", "leave it out"))
    if found:
        raise OutcomesError(found)
    if len(set(tasks)) < 2:
        raise OutcomesError([Violation("intent", f"there is {len(set(tasks))} task", FIX)])
    judged = [_hashed(seed, key) < share for key in keys]
    for task in sorted(set(tasks)):
        learned = sum(1 for name, is_judged in zip(tasks, judged, strict=True) if name == task and not is_judged)
        if not learned:
            found.append(Violation("intent", f"no row is left to learn {task} from", "give more texts of it"))
    if not any(judged):
        found.append(Violation("intent", f"none of {len(texts)} rows is left to judge it by", "give more rows"))
    if found:
        raise OutcomesError(found)
    return judged


def _hashed(seed: int, key: str) -> float:
    """A number in [0, 1) that the key decides."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{key}".encode()).digest()[:7], "big") / 2**56


def _digest(texts: list[str], tasks: list[str]) -> str:
    """SHA-256 of the rows, whatever their order."""
    rows = sorted(zip(texts, tasks, strict=True))
    return "sha256:" + hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()
