"""What QUALITY.md §1 states, to print beside what was measured here."""

from __future__ import annotations

__all__ = ["NOTE", "stated"]

_STATED = {
    "clinc150.csv.gz": {
        "small": ".929 (hold .940)",
        "large": ".953",
        "cascade": ".954 at 10 %, .956 at 20 %",
        "static": ".945 (hold .940)",
    },
    "banking77.csv.gz": {
        "small": ".913 (hold .920)",
        "large": ".930",
        "cascade": ".931 at 10 %, .937 at 20 %",
        "static": ".925 (hold .920)",
    },
}

NOTE = (
    "QUALITY.md's figures are on the official test rows, which are not in the folder: here half of val is reported on. "
    "Intervals: Wilson for one accuracy, paired for a difference. Compute: processor time, orchestration included. "
    "To hold: the large model's quality at ≤ 12 % of its compute."
)


def stated(file: str) -> dict[str, str]:
    """By `small`, `large` and `cascade`; nothing for a file that QUALITY.md does not know."""
    return _STATED.get(file, {})
