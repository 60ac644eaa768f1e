"""Outcomes as a table: what every model did on every prompt that it was asked, in columns.

A router is fitted on a million outcomes of a hundred thousand prompts. As Python objects these are gigabytes and
minutes; as columns, with every prompt kept once, they are megabytes and seconds.

>>> outcomes = Outcomes.read({"prompt": ["hi", "hi", "why?"], "model": ["a@1", "b@1", "a@1"], "score": [1, 0.5, 0]})
>>> outcomes
Outcomes(3 outcomes: 2 prompts × 2 models, 75 % of pairs; mean score 0.500)
>>> outcomes[1].model, outcomes.models, outcomes.is_full
('b@1', ['a@1', 'b@1'], False)
>>> Outcomes.read({"prompt": ["hi", "why?"], "a@1": [1, 0], "b@1": [0.5, None]}) == outcomes  # wide
True
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ..errors import OutcomesError, Violation
from .outcome import NAMES, NUMBERS, REQUIRED, TEXTS, WHOLE, Outcome
from .reading import read_parts
from .words import Words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..population.training import Trained
    from .matrix import Matrix

    Floats = npt.NDArray[np.float64]

__all__ = ["Outcomes", "read_outcomes", "to_outcomes", "write_outcomes"]


class Outcomes(Sequence[Outcome]):
    """A table of outcomes: columns inside, `Outcome` rows outside. Immutable; make one with `Outcomes.read`.

    Rows keep the order in which they were read. Of a prompt and model that occur more than once every row is kept, and
    the last one counts where there is room for one (`matrix`).
    """

    def __init__(
        self,
        prompt: Words,
        model: Words,
        numbers: Mapping[str, Floats],
        texts: Mapping[str, Words],
        left_out: Mapping[str, int] | None = None,
    ) -> None:
        """Of checked columns of one length; `Outcomes.read` checks."""
        import numpy as np

        self._prompt = prompt
        self._model = model.sorted()
        # A column that says nothing is the same as none.
        kept = {name: column for name, column in numbers.items() if name in REQUIRED or not np.isnan(column).all()}
        self._numbers = {name: kept[name] for name in NUMBERS if name in kept}
        self._texts = {name: texts[name] for name in TEXTS if name in texts and texts[name].any()}
        self._left_out = dict(left_out or {})
        for column in self._numbers.values():
            column.flags.writeable = False
        for words in (self._prompt, self._model, *self._texts.values()):
            words.codes.flags.writeable = False

    # --- making -------------------------------------------------------------------------------------------

    @classmethod
    def read(cls, source: Any, *, wide: Sequence[str] | None = None) -> Outcomes:
        """Outcomes of anything that holds a table.

        A path (CSV, JSONL, either gzipped, or Parquet), a pandas, polars or pyarrow frame or whatever speaks Arrow, a
        mapping of columns, rows (dictionaries or `Outcome`), or outcomes themselves. *Long*: a row an outcome, with
        `prompt`, `model`, `score` and any other field of `Outcome`. *Wide*: a row a prompt, with a column of scores for
        each model; see `routing/wide.py`. A table with neither `model` nor `score` is wide; `wide` names the columns of
        models where numbers of another kind are in the table.

        What is unknown is None, an empty cell, or NaN in a frame or array (there they mean the same). Other columns are
        ignored. Warns when a prompt and model occur more than once.

        Raises:
            ArtifactError: a file cannot be read.
            MissingExtra: it is Parquet or Arrow, and pyarrow is not installed.
            OutcomesError: with all that is wrong, by row (the first 20).
        """
        if isinstance(source, Outcomes) and wide is None:
            return source
        outcomes = cls.of_log(source, wide=wide)
        if repeated := outcomes.repeated:
            advice = "the last one of each counts; give one row per prompt and model if that is not meant"
            warnings.warn(f"{repeated} outcomes repeat a prompt and model; {advice}", UserWarning, stacklevel=2)
        return outcomes

    @classmethod
    def of_log(
        cls, source: Any, left_out: Mapping[str, int] | None = None, *, wide: Sequence[str] | None = None
    ) -> Outcomes:
        """As `read`, of a log, in which prompts may repeat; `left_out` is what of it was no use (reason → rows).

        Raises:
            ArtifactError, MissingExtra, OutcomesError: as `read`.
        """
        return cls(*read_parts(source, wide), left_out)

    @staticmethod
    def from_routellm(*paths: str | os.PathLike[str], **options: Any) -> Outcomes:
        """RouteLLM's tables of right and wrong, MT-Bench judgements or battles; see `importers/routellm.py`."""
        from .importers import from_routellm

        return from_routellm(*paths, **options)

    @staticmethod
    def from_routerbench(source: Any) -> Outcomes:
        """A frame or file of RouterBench; see `importers/routerbench.py`."""
        from .importers import from_routerbench

        return from_routerbench(source)

    @staticmethod
    def from_decisions(*sources: Any, **options: Any) -> Outcomes:
        """Decisions of an ecology, with their grades and prompts; see `importers/decisions.py`."""
        from .importers import from_decisions

        return from_decisions(*sources, **options)

    @staticmethod
    def from_litellm(*sources: Any, **options: Any) -> Outcomes:
        """Spend logs of LiteLLM's proxy, with scores from somewhere; see `importers/litellm.py`."""
        from .importers import from_litellm

        return from_litellm(*sources, **options)

    @staticmethod
    def from_openai(*sources: Any, **options: Any) -> Outcomes:
        """Requests and replies in OpenAI's shapes, with scores from somewhere; see `importers/openai.py`."""
        from .importers import from_openai

        return from_openai(*sources, **options)

    # --- rows ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._prompt.codes)

    @overload
    def __getitem__(self, at: int) -> Outcome: ...
    @overload
    def __getitem__(self, at: slice) -> Outcomes: ...
    def __getitem__(self, at: int | slice) -> Outcome | Outcomes:
        if isinstance(at, slice):
            return self.take(at)
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return next(iter(self.take(slice(at, at + 1 or None))))

    def __iter__(self) -> Iterator[Outcome]:
        columns = self.to_columns()
        for row in zip(*columns.values(), strict=True):
            yield Outcome(**dict(zip(columns, row, strict=True)))

    def __eq__(self, other: object) -> bool:
        """The same rows in the same order."""
        import numpy as np

        if not isinstance(other, Outcomes):
            return NotImplemented
        if len(self) != len(other) or self.fields != other.fields:
            return False
        # Values by first appearance and by code point are canonical, so equal text has equal codes.
        texts = [(self._prompt, other._prompt), (self._model, other._model)]
        texts += [(words, other._texts[name]) for name, words in self._texts.items()]
        return all(a.values == b.values and np.array_equal(a.codes, b.codes) for a, b in texts) and all(
            np.array_equal(column, other._numbers[name], equal_nan=True) for name, column in self._numbers.items()
        )

    __hash__ = None  # type: ignore[assignment]  # compares by content, and `digest` is the content's name

    def take(self, rows: Any) -> Outcomes:
        """Some rows: a mask, row numbers or a slice; `len` of them, in that order."""
        return Outcomes(
            self._prompt.take(rows),
            self._model.take(rows),
            {name: column[rows] for name, column in self._numbers.items()},
            {name: words.take(rows) for name, words in self._texts.items()},
            self._left_out,
        )

    # --- columns ------------------------------------------------------------------------------------------

    @property
    def fields(self) -> list[str]:
        """The fields that are known for at least one row, in the order of `Outcome`."""
        return [name for name in NAMES if name in REQUIRED or name in self._numbers or name in self._texts]

    @property
    def prompts(self) -> list[str]:
        """The different prompts, in the order in which they first appear."""
        return list(self._prompt.values)

    @property
    def models(self) -> list[str]:
        """The different models, sorted."""
        return list(self._model.values)

    @property
    def prompt_codes(self) -> npt.NDArray[np.int32]:
        """For each row the place of its prompt in `prompts`, int32 [n]."""
        return self._prompt.codes

    @property
    def model_codes(self) -> npt.NDArray[np.int32]:
        """For each row the place of its model in `models`, int32 [n]."""
        return self._model.codes

    def numbers(self, name: str) -> Floats:
        """A field of numbers, float64 [n], NaN where unknown."""
        import numpy as np

        if name not in NUMBERS:
            raise KeyError(name)
        return self._numbers[name] if name in self._numbers else np.full(len(self), np.nan)

    def words(self, name: str) -> Words | None:
        """A field of text with every value kept once; None if no row has it."""
        if name not in TEXTS:
            raise KeyError(name)
        return self._prompt if name == "prompt" else self._model if name == "model" else self._texts.get(name)

    def texts(self, name: str) -> list[str | None]:
        """A field of text [n], None where unknown."""
        words = self.words(name)
        return [None] * len(self) if words is None else words.texts()

    def to_columns(self) -> dict[str, list[Any]]:
        """The known fields as lists [n], None where a value is unknown."""
        return {name: self.texts(name) if name in TEXTS else self._values(name) for name in self.fields}

    def to_rows(self) -> list[dict[str, Any]]:
        """Rows as dictionaries of the known fields."""
        columns = self.to_columns()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _values(self, name: str) -> list[Any]:
        values = self._numbers[name].tolist()
        if name in WHOLE:
            return [None if value != value else int(value) for value in values]
        return [None if value != value else value for value in values]

    # --- content ------------------------------------------------------------------------------------------

    @property
    def digest(self) -> str:
        """`sha256:` of the content. The order of rows does not matter, but between rows of one prompt and model, of
        which the last one counts."""
        from .digest import digest

        return digest(self)

    @property
    def repeated(self) -> int:
        """How many rows have a later row of the same prompt and model."""
        return len(self) - self._pairs()

    @property
    def is_full(self) -> bool:
        """Whether every model was asked every prompt; otherwise the feedback is partial."""
        return self._pairs() == len(self._prompt.values) * len(self._model.values)

    @property
    def coverage(self) -> float:
        """The share of pairs of prompt and model that have an outcome."""
        return self._pairs() / max(1, len(self._prompt.values) * len(self._model.values))

    @property
    def left_out(self) -> dict[str, int]:
        """What an importer could not use: reason → rows."""
        return dict(self._left_out)

    def _known(self, models: Iterable[str]) -> list[int]:
        """The codes of models."""
        known = {model: code for code, model in enumerate(self._model.values)}
        asked = list(models)
        if absent := [model for model in asked if model not in known]:
            fix = f"there are outcomes of: {', '.join(known)}"
            raise OutcomesError([Violation(f"model {model}", "it has no outcome", fix) for model in absent])
        return [known[model] for model in asked]

    def _pairs(self) -> int:
        import numpy as np

        width = len(self._model.values)
        asked = np.zeros(len(self._prompt.values) * width, bool)
        asked[self._prompt.codes.astype(np.int64) * width + self._model.codes] = True
        return int(asked.sum())

    # --- parts --------------------------------------------------------------------------------------------

    def of_models(self, models: Collection[str]) -> Outcomes:
        """The outcomes of some models.

        Raises:
            OutcomesError: a model has no outcome.
        """
        import numpy as np

        return self.take(np.isin(self._model.codes, self._known(models)))

    def renamed(self, models: Mapping[str, str]) -> Outcomes:
        """The same outcomes under other names of models: a population's `name@version` for a benchmark's name.

        >>> Outcomes.read({"prompt": ["hi"], "gpt-4": [1]}).renamed({"gpt-4": "large@1"}).models
        ['large@1']

        Raises:
            OutcomesError: a model has no outcome.
        """
        self._known(models)
        names = [models.get(name, name) for name in self._model.values]
        model = Words.of([names[code] for code in self._model.codes.tolist()])
        return Outcomes(self._prompt, model, self._numbers, self._texts, self._left_out)

    def split(self, validation_share: float = 0.2, seed: int = 0) -> tuple[Outcomes, Outcomes]:
        """Train and validation outcomes. A prompt is in one of them with all its models.

        If any row has a `split`, rows of `train` and of `val` or `validation` are these, and others are in neither;
        otherwise a hash of prompt and seed decides.
        """
        from .matrix import split_masks

        train, validation = split_masks(self, validation_share, seed)
        return self.take(train), self.take(validation)

    def matrix(self, value: str = "score", *, models: Sequence[str] | None = None) -> Matrix:
        """Prompts by models, with a field of numbers as `scores`; of repeated outcomes the last one.

        Raises:
            OutcomesError: one of `models` has no outcome.
        """
        from .matrix import Matrix

        chosen = self if models is None else self.of_models(models)
        return Matrix.of(chosen, self.models if models is None else models, value)

    def check_training(self, trained: Trained) -> None:
        """Refuse outcomes of a model on a prompt that it was trained on, but those that have a `fold`.

        `trained` maps models to fingerprints of prompts (`population/training.py`), or is a description, whose
        manifests name files of them.

        Raises:
            SeenInTraining: with the models, how often, and examples.
            ArtifactError: a file of fingerprints cannot be read.
        """
        from .training import check_training

        check_training(self, trained)

    # --- showing and keeping ------------------------------------------------------------------------------

    def summary(self) -> list[dict[str, Any]]:
        """For each model: outcomes, the share of prompts that it was asked, and means of what is known."""
        from .shown import summary

        return summary(self)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write JSONL, Parquet or else CSV, as the name ends, gzipped if it ends with `.gz`; whole or not at all.

        Raises:
            ArtifactError: it cannot be written.
            MissingExtra: it is Parquet, and pyarrow is not installed.
        """
        from .written import write

        write(self, path)

    def __repr__(self) -> str:
        from .shown import sentence

        return sentence(self)

    def _repr_html_(self) -> str:
        from .shown import html

        return html(self)


def to_outcomes(source: Any) -> Outcomes:
    """`Outcomes.read`."""
    return Outcomes.read(source)


def read_outcomes(path: str | os.PathLike[str]) -> Outcomes:
    """`Outcomes.read`, of a file."""
    return Outcomes.read(path)


def write_outcomes(path: str | os.PathLike[str], outcomes: Iterable[Outcome]) -> None:
    """`Outcomes.write`, of any outcomes."""
    Outcomes.read(outcomes).write(path)
