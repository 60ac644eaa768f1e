"""A linear classifier outside of a population: labels, how sure it is, and whether a text is in its scope at all.

A softmax always finds a label. Of a text that is about none of them its confidence says little, since it only weighs
labels against each other; what the scores amount to before the softmax, and how near the text is to those that the
label was learned from, say more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import ArtifactError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

__all__ = ["LinearClassifier", "Scope"]

FEWEST = 20
VERSION = "ecology.scope.v1"
INT8 = 127.0


class LinearClassifier:
    """A file of a `linear` member, open: the same labels and confidences as a population gives. Immutable.

    >>> classifier = LinearClassifier.load("small.safetensors")  # doctest: +SKIP
    >>> labels, confidence = classifier.predict(["where is my card"])  # doctest: +SKIP
    """

    def __init__(self, weights: _core.ClassifierWeights) -> None:
        self._weights = weights

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LinearClassifier:
        """Open the file.

        Raises:
            ArtifactError: it is absent, or holds no linear classifier.
        """
        return cls(_core.ClassifierWeights.read(Path(path)))

    @property
    def labels(self) -> list[str]:
        """The label of each column of `scores`."""
        return self._weights.labels

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return self._weights.digest

    @property
    def embedding(self) -> _core.StaticEmbedding | None:
        """The static embedding that the file carries, if it has one."""
        return self._weights.embedding

    def scores(self, texts: Sequence[str]) -> Floats:
        """Scores before temperature and softmax, float32 [n, labels]."""
        return self._weights.scores(list(texts))

    def predict(self, texts: Sequence[str]) -> tuple[list[str], Floats]:
        """The best label of each text, and its calibrated probability, float32 [n] in (0, 1]."""
        scores = self.scores(texts)
        labels = self.labels
        return [labels[at] for at in scores.argmax(axis=1)], _top_share(scores, self._weights.temperature)

    def __repr__(self) -> str:
        return f"LinearClassifier({len(self.labels)} labels, {self.digest[:19]}…)"


class Scope:
    """How much a text is like those that a classifier was trained on. Higher is more like them; 0 is usual.

    The score is the sum of two numbers, each in standard deviations of texts that are in scope: the log-sum-exp of
    the raw scores (the energy of Liu et al. 2020, with the sign turned), and, where the classifier has a static
    embedding, the cosine between the text and the mean vector of the training texts of its best label. Only those
    means are kept, in 8 bits; no text is.
    """

    def __init__(self, classifier: LinearClassifier, facts: dict[str, Any], centroids: NDArray[np.int8] | None) -> None:
        import numpy as np

        self.classifier, self._facts, self._kept = classifier, facts, centroids
        self._centroids: Floats | None = None
        if centroids is not None:
            floats = centroids.astype(np.float32)
            self._centroids = floats / np.maximum(np.linalg.norm(floats, axis=1, keepdims=True), 1e-9)

    @classmethod
    def fit(
        cls,
        classifier: LinearClassifier,
        texts: Sequence[str],
        labels: Sequence[str],
        held_out: Sequence[str],
        *,
        false_alarms: float = 0.05,
    ) -> Scope:
        """Learn what is usual; no text that is out of scope is needed.

        Args:
            texts: n texts that the classifier was trained on.
            labels: their n labels.
            held_out: at least 20 texts that are in scope and that it was not trained on: on its own training texts it
                is surer than on any that come.
            false_alarms: the share of `held_out`, in (0, 1), that `contains` is to refuse.

        Raises:
            ValueError: too few texts, a label that the classifier does not have, or `false_alarms` out of its range.
        """
        import numpy as np

        texts, labels, held_out = list(texts), list(labels), list(held_out)
        if len(texts) != len(labels):
            raise ValueError(f"{len(texts)} texts and {len(labels)} labels; give one label for each text")
        if len(held_out) < FEWEST:
            raise ValueError(f"{len(held_out)} held-out texts do not say what is usual; give at least {FEWEST}")
        if not 0.0 < false_alarms < 1.0:
            raise ValueError(f"false_alarms is {false_alarms:g}; give a share between 0 and 1, such as 0.05")
        column = {label: at for at, label in enumerate(classifier.labels)}
        unknown = sorted(set(labels) - set(column))
        if unknown:
            raise ValueError(f"the classifier does not know {', '.join(unknown[:3])}; leave such texts out")
        centroids = None
        if classifier.embedding is not None:
            vectors = classifier.embedding.encode(texts)
            sums = np.zeros((len(column), vectors.shape[1]), np.float64)
            np.add.at(sums, [column[label] for label in labels], vectors)
            largest = np.maximum(np.abs(sums).max(axis=1, keepdims=True), 1e-9)
            centroids = np.rint(sums / largest * INT8).astype(np.int8)
        facts: dict[str, Any] = {"version": VERSION, "classifier": classifier.digest, "false_alarms": false_alarms}
        raw = cls(classifier, facts, centroids)
        parts = raw._parts(held_out)
        facts["parts"] = [[float(part.mean()), max(float(part.std()), 1e-9)] for part in parts]
        facts["threshold"] = float(np.quantile(raw.score(held_out), false_alarms))
        return raw

    @property
    def threshold(self) -> float:
        """The least score that `contains` takes as in scope."""
        return float(self._facts["threshold"])

    def score(self, texts: Sequence[str]) -> Floats:
        """How much each text is like those in scope, float32 [n]."""
        import numpy as np

        spread = zip(self._parts(texts), self._facts["parts"], strict=True)
        total: Floats = np.sum([(part - mean) / deviation for part, (mean, deviation) in spread], axis=0)
        return total.astype(np.float32)

    def contains(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each text scores at least `threshold`, bool [n]."""
        inside: NDArray[np.bool_] = self.score(texts) >= self.threshold
        return inside

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it beside the classifier: numpy's `.npz`, some tens of kilobytes, without any text."""
        import numpy as np

        arrays: dict[str, Any] = {} if self._kept is None else {"centroids": self._kept}
        with Path(path).open("wb") as file:
            np.savez(file, facts=np.frombuffer(json.dumps(self._facts).encode(), np.uint8), **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str], classifier: LinearClassifier) -> Scope:
        """Read what `save` wrote, for the classifier that it was fitted to.

        Raises:
            ArtifactError: the file is no scope, or that of another classifier.
        """
        import numpy as np

        fix = "fit it again, or give the classifier that it was fitted to"
        try:
            with np.load(Path(path), allow_pickle=False) as kept:
                facts = json.loads(kept["facts"].tobytes())
                centroids = kept["centroids"] if "centroids" in kept.files else None
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise ArtifactError(str(path), f"it is no scope of a classifier: {error}", fix) from error
        if not isinstance(facts, dict) or facts.get("version") != VERSION:
            raise ArtifactError(str(path), f"it does not say that it is {VERSION}", fix)
        if facts.get("classifier") != classifier.digest:
            raise ArtifactError(str(path), f"it is of {facts.get('classifier')}, not of {classifier.digest}", fix)
        return cls(classifier, facts, centroids)

    def _parts(self, texts: Sequence[str]) -> list[Floats]:
        import numpy as np

        scores = self.classifier.scores(texts).astype(np.float64)
        top = scores.max(axis=1)
        parts = [top + np.log(np.exp(scores - top[:, None]).sum(axis=1))]
        if self._centroids is not None and self.classifier.embedding is not None:
            vectors = self.classifier.embedding.encode(list(texts))
            parts.append((vectors * self._centroids[scores.argmax(axis=1)]).sum(axis=1))
        return parts

    def __repr__(self) -> str:
        measures = 1 if self._centroids is None else 2
        return f"Scope(of {self.classifier.digest[:19]}…, measures={measures}, threshold={self.threshold:.3f})"


def _top_share(scores: Floats, temperature: float) -> Floats:
    import numpy as np

    top = scores.max(axis=1, keepdims=True)
    shares: Floats = 1.0 / np.exp((scores - top) / np.float32(temperature)).sum(axis=1)
    return shares
