"""One trained tier: its weights on disk, its scores on validation rows, and out-of-fold on training rows.

Out-of-fold, because a tier is right on nearly every row that it was trained on: what a router should expect of it
is what it does on rows that it has not seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..backends.onnx_head import write_head
from .corpus import Corpus

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["Tier", "train_large", "train_small", "train_wide"]

FOLDS = 5
Progress = Callable[[float], None]
Scores = Callable[["npt.NDArray[np.uint32]", int], "Floats"]


@dataclass(frozen=True)
class Tier:
    """A model of the population. Columns of scores are `labels`; a tier for one domain has that domain's alone."""

    name: str
    tier: str
    role: str
    backend: dict[str, Any]
    family: str
    labels: tuple[str, ...]
    temperature: float
    train_scores: Floats
    val_scores: Floats

    def correct(self, scores: Floats, corpus: Corpus) -> Floats:
        """1 where the best label is the row's, [n]."""
        import numpy as np

        picked = np.array(self.labels)[scores.argmax(axis=1)]
        right: Floats = (picked == np.array(corpus.labels)).astype(np.float64)
        return right

    def confidence(self, scores: Floats) -> Floats:
        """Calibrated probability of the best label, [n]."""
        import numpy as np

        scaled = (scores - scores.max(axis=1, keepdims=True)) / self.temperature
        top: Floats = 1.0 / np.exp(scaled).sum(axis=1)
        return top

    def votes(self, scores: Floats) -> Floats:
        """Calibrated probability of every label, [n, labels]."""
        import numpy as np

        shares = np.exp((scores - scores.max(axis=1, keepdims=True)) / self.temperature)
        all_labels: Floats = shares / shares.sum(axis=1, keepdims=True)
        return all_labels


def columns_of(corpus: Corpus, names: list[str]) -> npt.NDArray[np.uint32]:
    """The column of each row's label."""
    import numpy as np

    position = {name: at for at, name in enumerate(names)}
    return np.array([position[label] for label in corpus.labels], dtype=np.uint32)


def folds_of(corpus: Corpus, seed: int) -> npt.NDArray[np.uint32]:
    """A fold for each row; the tellings of one situation share it."""
    import numpy as np

    position = {group: at for at, group in enumerate(dict.fromkeys(corpus.groups))}
    groups = np.array([position[group] for group in corpus.groups], dtype=np.uint32)
    return _core.group_folds(groups, FOLDS, seed)


def train_small(name: str, folder: Path, train: Corpus, val: Corpus, seed: int, progress: Progress) -> Tier:
    """A linear softmax over hashed n-grams: microseconds, inline."""
    names = train.names
    labels = columns_of(train, names)
    rows = _core.Features(train.texts)
    weights, bias = _core.fit_sparse(rows, labels, len(names), seed, lambda done: progress(done / 3))
    val_scores = _core.Features(val.texts).score(weights, bias)
    temperature = _temperature(val_scores, val, names)
    folds = folds_of(train, seed)
    held_out = _core.out_of_fold_classifier(
        rows, labels, folds, len(names), seed, lambda done: progress((1 + 2 * done) / 3)
    )
    path = folder / f"{name}.safetensors"
    _core.write_classifier(path, rows, weights, bias, names, temperature)
    return Tier(
        name=name,
        tier="small",
        role="specialist" if name != "small" else "champion",
        backend={"kind": "linear", "path": path.name},
        family="hashed-linear",
        labels=tuple(names),
        temperature=temperature,
        train_scores=held_out,
        val_scores=val_scores,
    )


def train_large(
    folder: Path, train: Corpus, val: Corpus, embeddings: Floats, val_embeddings: Floats, seed: int, progress: Progress
) -> Tier:
    """A softmax head on sentence embeddings, as ONNX behind the encoder: milliseconds, on the compute pool."""
    import numpy as np

    rows, val_rows = embeddings.astype(np.float32), val_embeddings.astype(np.float32)
    labels = columns_of(train, train.names)
    columns = len(train.names)
    weights, bias = _core.fit_dense(rows, labels, columns, seed, lambda done: progress(done / 3))
    folds = folds_of(train, seed)
    held_out = _core.out_of_fold_dense(rows, labels, folds, columns, seed, lambda done: progress((1 + 2 * done) / 3))
    val_scores = val_rows @ weights + bias
    write_head(folder / "large.onnx", weights, bias)
    temperature = _temperature(val_scores, val, train.names)
    files = {"tokenizer": "tokenizer.json", "encoder": "encoder.onnx"}
    return _onnx("text", "minilm", train.names, temperature, held_out, val_scores, files)


def train_wide(folder: Path, train: Corpus, val: Corpus, seed: int, progress: Progress) -> Tier:
    """The best ONNX generalist that the core install can train: a wide dense head over the core's own features."""
    names = train.names
    spec = json.dumps(json.loads(_core.default_features()) | {"buckets_log2": WIDE_LOG2})
    rows, val_rows = _core.Features(train.texts, spec), _core.Features(val.texts, spec)
    labels = columns_of(train, names)
    weights, bias = _core.fit_sparse(rows, labels, len(names), seed, lambda done: progress(done / 3))
    folds = folds_of(train, seed)
    held_out = _core.out_of_fold_classifier(
        rows, labels, folds, len(names), seed, lambda done: progress((1 + 2 * done) / 3)
    )
    val_scores = val_rows.score(weights, bias)
    write_head(folder / "large.onnx", weights, bias)
    temperature = _temperature(val_scores, val, names)
    return _onnx("features", "wide-linear", names, temperature, held_out, val_scores, {})


WIDE_LOG2 = 14


def _onnx(
    reads: str,
    family: str,
    names: list[str],
    temperature: float,
    train_scores: Floats,
    val_scores: Floats,
    files: dict[str, str],
) -> Tier:
    backend = {"kind": "onnx", "path": "large.onnx", "input": reads, "temperature": temperature, "labels": names}
    return Tier(
        name="large",
        tier="large",
        role="fallback",
        backend=backend | files,
        family=family,
        labels=tuple(names),
        temperature=temperature,
        train_scores=train_scores,
        val_scores=val_scores,
    )


def _temperature(scores: Floats, val: Corpus, names: list[str]) -> float:
    """Fitted on the rows whose label the tier knows: of the others it can only be wrong, at any temperature."""
    import numpy as np

    position = {name: at for at, name in enumerate(names)}
    rows = [row for row, label in enumerate(val.labels) if label in position]
    if not rows:
        return 1.0
    labels = np.array([position[val.labels[row]] for row in rows], dtype=np.uint32)
    return _core.fit_temperature(np.ascontiguousarray(scores[rows], dtype=np.float32), labels)
