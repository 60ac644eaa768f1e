"""scikit-learn: hashed word pairs and character n-grams into logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpus import Corpus
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

__all__ = ["SIDES"]

BUCKETS = 1 << 15
STEPS = 5


class HashedLogistic:
    """The pipeline that a data scientist writes first."""

    name = "scikit-learn  hash + LR"
    does = "features and scores of all"

    def fit(self, corpus: Corpus, folder: Path) -> None:
        """`saga`, a few passes: what it costs to predict does not depend on how it was fitted."""
        features = FeatureUnion(
            [
                ("words", HashingVectorizer(n_features=BUCKETS, ngram_range=(1, 2))),
                ("characters", HashingVectorizer(n_features=BUCKETS, analyzer="char_wb", ngram_range=(3, 5))),
            ]
        )
        learner = LogisticRegression(solver="saga", C=100.0, max_iter=STEPS, tol=1e-2)
        self._model = Pipeline([("features", features), ("learner", learner)])
        prompts, models = zip(*corpus.train, strict=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a few passes are meant
            self._model.fit(prompts, models)
        self._models = self._model.classes_.tolist()

    def decide(self, prompt: str) -> Any:
        """One `predict_proba`."""
        return self._model.predict_proba([prompt])

    def decide_many(self, prompts: Sequence[str]) -> Any:
        """One `predict_proba` of all."""
        return self._model.predict_proba(prompts)

    def choice(self, decision: Any) -> str:
        """Of [1, models]."""
        return self._models[int(decision[0].argmax())]

    def choices(self, decisions: Any) -> list[str]:
        """Of [n, models]."""
        return [self._models[at] for at in decisions.argmax(axis=1).tolist()]


SIDES = [HashedLogistic]
