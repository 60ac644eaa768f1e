"""Last week: the part of a log between two moments."""

from __future__ import annotations

import re

import numpy as np

from ...errors import OffPolicyError, Violation
from ...routing.checked import number_of
from ...routing.outcomes import Outcomes

__all__ = ["moment", "window"]

UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
FIX = "give a date (2026-03-01), a time (2026-03-01T12:00), seconds since 1970, or 7d before the last decision"


def moment(text: str, last: float) -> float:
    """Seconds since 1970 of a date, a time (UTC unless it says), a number, or so long before `last`.

    >>> moment("1970-01-02", 0.0), moment("7d", 604800.0), moment("12.5", 0.0)
    (86400.0, 0.0, 12.5)

    Raises:
        OffPolicyError: it is none of these.
    """
    ago = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", text.strip())
    found = last - float(ago[1]) * UNITS[ago[2]] if ago else number_of("timestamp", text.strip())
    if not np.isfinite(found):
        raise OffPolicyError([Violation("window", f"{text!r} is no moment", FIX)])
    return found


def window(log: Outcomes, since: str | None = None, until: str | None = None) -> Outcomes:
    """The rows from `since` on and before `until`.

    Raises:
        OffPolicyError: no moment, no timestamps, or no rows between.
    """
    if since is None and until is None:
        return log
    times = log.numbers("timestamp")
    known = ~np.isnan(times)
    if not known.any():
        raise OffPolicyError([Violation("timestamp", "no row has one", "leave out --since and --until, or log times")])
    last = float(times[known].max())
    first = -np.inf if since is None else moment(since, last)
    end = np.inf if until is None else moment(until, last)
    inside = known & (times >= first) & (times < end)
    if not inside.any():
        problem = f"none of {len(log)} rows lies in it; they go from {times[known].min():.0f} to {last:.0f}"
        raise OffPolicyError([Violation("window", problem, FIX)])
    return log.take(inside)
