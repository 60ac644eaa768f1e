"""The tiers of the headline, trained once: what takes minutes is kept in a folder, by a digest of what it came from.

Small: hashed n-grams beside a static embedding of the training texts, in one linear head. Large: MiniLM and a head.
Both give scores on the rows that are reported on, and out-of-fold on those that they were trained on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ecology import StaticEmbedding, _core
from ecology.backends.minilm import build
from ecology.backends.onnx_head import write_head
from ecology.backends.static_embedding import Teacher, distil
from ecology.demo.corpus import TEST, TRAIN, VAL, Corpus
from ecology.demo.run import Step
from ecology.demo.tier import Tier, columns_of, folds_of

__all__ = ["LARGE", "PLAIN", "SMALL", "Head", "Trained", "train"]

PLAIN, SMALL, LARGE = "n-grams", "small", "large"
BUCKETS_LOG2 = 12  # beside an embedding, 4,096 buckets do as well as 32,768


@dataclass(frozen=True)
class Head:
    """Weights over features, and scores [rows, labels]: out-of-fold on train, plain on val and on test together."""

    name: str
    features: Any  # those of the training texts, or None for vectors of the encoder
    weights: Any
    bias: Any
    held_out: Any
    scores: Any


@dataclass(frozen=True)
class Trained:
    """`judged` are the rows of val and test, in this order; `first` how many of them are val. Labels are sorted."""

    corpus: Corpus
    judged: Corpus
    first: int
    labels: list[str]
    heads: dict[str, Head]
    table: StaticEmbedding
    encoders: dict[str, Path]
    judged_int8: Any
    domains: dict[str, Any]

    @property
    def truth(self) -> Any:
        """The column of the right label of each judged row."""
        return columns_of(self.judged, self.labels)

    def temperature(self, name: str, chosen_by: Any) -> float:
        """That of a head on the rows `chosen_by`."""
        scores = np.ascontiguousarray(self.heads[name].scores[chosen_by], dtype=np.float32)
        return _core.fit_temperature(scores, self.truth[chosen_by])

    def tier(self, name: str, folder: Path, chosen_by: Any) -> Tier:
        """Written into `folder`, calibrated on the rows `chosen_by` of those that are judged."""
        head = self.heads[name]
        temperature = self.temperature(name, chosen_by)
        facts: dict[str, Any] = {"temperature": temperature, "labels": tuple(self.labels)}
        facts |= {"train_scores": head.held_out, "val_scores": head.scores}
        if name == LARGE:
            write_head(folder / "large.onnx", head.weights, head.bias)
            files = {each: str(self.encoders["fp32"] / f"{each}.{end}") for each, end in _FILES.items()}
            backend = {"kind": "onnx", "path": "large.onnx", "input": "text", "temperature": temperature}
            backend |= {"labels": self.labels} | files
            return Tier(name=LARGE, tier=LARGE, role="fallback", backend=backend, family="minilm", **facts)
        path = folder / f"{name}.safetensors"
        _core.write_classifier(path, head.features, head.weights, head.bias, self.labels, temperature)
        backend = {"kind": "linear", "path": path.name}
        return Tier(name=name, tier=SMALL, role="champion", backend=backend, family="hashed-linear", **facts)


_FILES = {"tokenizer": "json", "encoder": "onnx"}


def train(corpus: Corpus, cache: Path, step: Step, seed: int) -> Trained:
    """Everything that no threshold has a part in."""
    fit, val, test = (corpus.part(split) for split in (TRAIN, VAL, TEST))
    judged = replace(
        val, **{each: getattr(val, each) + getattr(test, each) for each in ("texts", "labels", "domains", "groups")}
    )
    keep = _Kept(cache, corpus, seed)
    encoders = {precision: _encoder(cache / precision, precision, step) for precision in ("fp32", "int8")}
    teacher = Teacher.open(encoders["fp32"])
    with step(f"encoder: {len(fit) + len(judged)} texts") as tell:
        vectors = keep(
            "vectors", lambda: {"all": teacher.encoder.encode([*fit.texts, *judged.texts], progress=_of(tell))}
        )["all"]
    with step(f"encoder in int8: {len(judged)} texts") as tell:
        int8 = Teacher.open(encoders["int8"]).encoder
        rounded = keep("int8", lambda: {"judged": int8.encode(judged.texts, progress=_of(tell))})["judged"]
    table = _table(keep.folder / "static.safetensors", fit, teacher, step)
    labels, names = columns_of(fit, fit.names), fit.names
    folds = folds_of(fit, seed)
    dense, dense_judged = vectors[: len(fit)], vectors[len(fit) :]

    def large(tell: Callable[[float], None]) -> dict[str, Any]:
        weights, bias = _core.fit_dense(dense, labels, len(names), seed, lambda done: tell(done / 5))
        held_out = _core.out_of_fold_dense(dense, labels, folds, len(names), seed, lambda d: tell(0.2 + 0.8 * d))
        return {"weights": weights, "bias": bias, "held_out": held_out, "scores": dense_judged @ weights + bias}

    def linear(spec: str, more: tuple[Any, ...], tell: Callable[[float], None]) -> dict[str, Any]:
        rows = _core.Features(fit.texts, spec, *more)
        weights, bias = _core.fit_sparse(rows, labels, len(names), seed, lambda done: tell(done / 5))
        held_out = _core.out_of_fold_classifier(rows, labels, folds, len(names), seed, lambda d: tell(0.2 + 0.8 * d))
        scores = _core.Features(judged.texts, spec, *more).score(weights, bias)
        return {"weights": weights, "bias": bias, "held_out": held_out, "scores": scores}

    plain = _core.default_features()
    narrow = json.dumps(json.loads(plain) | {"buckets_log2": BUCKETS_LOG2})
    heads = {}
    for name, spec, more in ((PLAIN, plain, ()), (SMALL, narrow, (table,)), (LARGE, None, ())):
        with step(f"{name}: a head of {len(names)} labels, and {FOLDS} without a fold") as tell:
            work = (lambda tell=tell: large(tell)) if spec is None else (lambda s=spec, m=more, t=tell: linear(s, m, t))
            made = keep(name, work)
        rows = None if spec is None else _core.Features(fit.texts[:1], spec, *more)
        heads[name] = Head(name=name, features=rows, **made)
    with step("specialists: one for each domain, behind a head that tells the domain") as tell:
        domains = keep("specialists", lambda: _specialists(fit, judged, narrow, table, seed, folds, tell))
    scores_int8 = rounded @ heads[LARGE].weights + heads[LARGE].bias
    return Trained(corpus, judged, len(val), names, heads, table, encoders, scores_int8, domains)


FOLDS = 5


def _of(tell: Callable[[float], None]) -> Callable[[int, int], None]:
    return lambda done, all_: tell(done / all_)


class _Kept:
    """Arrays in `cache/<digest of texts, labels and seed>`, made once."""

    def __init__(self, cache: Path, corpus: Corpus, seed: int) -> None:
        said = json.dumps([corpus.texts, corpus.labels, corpus.split, seed, _core.__version__]).encode()
        self.folder = cache / f"{corpus.name.split('.')[0]}-{hashlib.sha256(said).hexdigest()[:12]}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        path = self.folder / f"{name}.npz"
        if not path.exists():
            beside = path.with_suffix(".part.npz")
            np.savez(beside, **make())
            beside.replace(path)
        with np.load(path) as kept:
            return dict(kept)


def _encoder(folder: Path, precision: Any, step: Step) -> Path:
    if not (folder / "encoder.onnx").exists():
        with step(f"encoder: MiniLM to ONNX in {precision}, checked against reference vectors"):
            build(folder, precision=precision)
    return folder


def _table(path: Path, fit: Corpus, teacher: Teacher, step: Step) -> StaticEmbedding:
    if not path.exists():
        distil(fit.texts, teacher, step=step).save(path)
    return StaticEmbedding.load(path)


def _specialists(
    fit: Corpus, judged: Corpus, spec: str, table: Any, seed: int, folds: Any, tell: Callable[[float], None]
) -> dict[str, Any]:
    """Right or not, with a hard choice of domain: `right` by judged row, `held_out` out-of-fold by training row; NaN
    where there are no domains to speak of. Labels of two domains differ: a wrong domain is a wrong answer."""
    domains = sorted(set(fit.domains))
    if len(domains) < 2:
        return {"right": np.full(len(judged), np.nan), "held_out": np.full(len(fit), np.nan)}

    def picked(part: Corpus, parts_folds: Any) -> tuple[Any, Any]:
        """Names of the best labels: of judged rows, and out-of-fold of its own."""
        names = np.array(part.names)
        if len(names) < 2:
            return np.full(len(judged), names[0]), np.full(len(part), names[0])
        rows, known = _core.Features(part.texts, spec, table), columns_of(part, part.names)
        weights, bias = _core.fit_sparse(rows, known, len(names), seed)
        own = _core.out_of_fold_classifier(rows, known, parts_folds, len(names), seed)
        scores = _core.Features(judged.texts, spec, table).score(weights, bias)
        return names[scores.argmax(axis=1)], names[own.argmax(axis=1)]

    chosen, chosen_held_out = picked(replace(fit, labels=fit.domains), folds)
    right, held_out = np.zeros(len(judged)), np.zeros(len(fit))
    domain_of, truth = np.array(fit.domains), np.array(judged.labels)
    for at, domain in enumerate(domains):
        mine = domain_of == domain
        own = fit.without(set(np.flatnonzero(~mine).tolist()))
        said, said_held_out = picked(own, folds[mine])
        right = np.where(chosen == domain, said == truth, right)
        held_out[mine] = (said_held_out == np.array(own.labels)) & (chosen_held_out[mine] == domain)
        tell((at + 1) / len(domains))
    return {"right": right, "held_out": held_out}
