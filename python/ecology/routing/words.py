"""A column of text in which few values occur often: each value is kept once, and rows hold its number.

A prompt that ten models answered is ten rows and one string.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int32]

__all__ = ["Words"]


@dataclass(frozen=True, slots=True)
class Words:
    """`values[codes[i]]` is the text of row i; a code of -1 is no text. Every value occurs.

    >>> words = Words.of(["b", None, "a", "b"])
    >>> words.values, words.codes.tolist()
    (['b', 'a'], [0, -1, 1, 0])
    """

    values: list[str]
    codes: Codes

    @classmethod
    def of(cls, column: Sequence[str | None]) -> Words:
        """Values in the order in which they first appear."""
        import numpy as np

        values = [value for value in dict.fromkeys(column) if value is not None]
        code: dict[str | None, int] = {value: number for number, value in enumerate(values)}
        code[None] = -1
        return cls(values, np.fromiter(map(code.__getitem__, column), np.int32, len(column)))

    def take(self, rows: Any) -> Words:
        """Some rows (a mask, numbers or a slice), with only the values that occur there, by first appearance."""
        import numpy as np

        codes = self.codes[rows]
        used, first = np.unique(codes, return_index=True)
        used = used[np.argsort(first, kind="stable")]
        return self._keep(codes, used[used >= 0])

    def sorted(self) -> Words:
        """The same rows, with the values in the order of their code points."""
        import numpy as np

        order = sorted(range(len(self.values)), key=self.values.__getitem__)
        return self._keep(self.codes, np.array(order, np.int32))

    def _keep(self, codes: Codes, kept: Codes) -> Words:
        import numpy as np

        # One place more than there are values: the last, which a code of -1 picks, stays -1.
        code_of = np.full(len(self.values) + 1, -1, np.int32)
        code_of[kept] = np.arange(len(kept), dtype=np.int32)
        return Words([self.values[at] for at in kept.tolist()], code_of[codes])

    def texts(self) -> list[str | None]:
        """The text of every row."""
        values: list[str | None] = [*self.values, None]
        return [values[code] for code in self.codes.tolist()]

    def among(self, values: Collection[str]) -> npt.NDArray[np.bool_]:
        """Which rows have one of some texts."""
        import numpy as np

        return np.isin(self.codes, [code for code, value in enumerate(self.values) if value in values])

    def any(self) -> bool:
        """Whether any row has a text."""
        return bool(self.values)
