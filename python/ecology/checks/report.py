"""What a battery found: a row for each check, with what to do about those that failed.

>>> report = Report("mine@1", (Row("replies", "passed"), Row("fork", "failed", "it hung; open it in load()")))
>>> print(report)
mine@1: 1 passed, 1 failed
  passed   replies
  failed   fork    it hung; open it in load()
>>> report.passed, report.to_dict()["rows"][0]["name"]
(False, 'replies')
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

__all__ = ["ChecksFailed", "Report", "Row"]

Verdict = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Row:
    """One check: its name, how it ended, and in words why, and what to do."""

    name: str
    verdict: Verdict
    words: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one backend, in the order in which they ran."""

    subject: str
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed; a check that was skipped says nothing against the backend."""
        return not self.failures

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows that failed."""
        return tuple(row for row in self.rows if row.verdict == "failed")

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def __str__(self) -> str:
        verdicts = ("passed", "failed", "skipped")
        counts = {verdict: sum(row.verdict == verdict for row in self.rows) for verdict in verdicts}
        head = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "nothing was checked"
        width = max((len(row.name) for row in self.rows), default=0)
        lines = (f"  {row.verdict:<8} {row.name:<{width}} {row.words}".rstrip() for row in self.rows)
        return "\n".join([f"{self.subject}: {head}", *lines])

    def to_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {"subject": self.subject, "passed": self.passed, "rows": [asdict(row) for row in self.rows]}

    def raise_for_failures(self) -> Self:
        """Itself, when nothing failed.

        Raises:
            ChecksFailed: with the table as its words.
        """
        if not self.passed:
            raise ChecksFailed(self)
        return self


class ChecksFailed(AssertionError):
    """A backend failed checks; `report` has them all. An `AssertionError`, so that a test shows it as a failure."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)
