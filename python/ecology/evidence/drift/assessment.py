"""Has what is asked changed since then, and do confidences still mean what they say?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ... import _core
from ...errors import OutcomesError, Violation
from ...routing.metrics import Interval, ece, ece_floor
from ...routing.outcomes import Outcomes
from ...routing.router import Router
from ..offpolicy.interval import normal
from .inputs import Tested, tested_inputs
from .statistics import holm, moved_residuals
from .value import CalibrationShift, Drift, InputShift, SliceDrift, Verdict

__all__ = ["measure_drift"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

LEAST_GAP = 0.03
"""Of score minus confidence: a smaller move is no matter, however sure it is."""
BY = ("task", "split", "fold")


@dataclass(frozen=True)
class _Side:
    """One of the two tables. `asked` are the rows that count as one prompt each; `confidence` is NaN where unknown."""

    prompt: Codes
    model: list[str | None]
    score: Floats
    confidence: Floats
    asked: Mask
    slices: npt.NDArray[np.object_]


@dataclass(frozen=True)
class _Cell:
    """One model in one slice, before it is known how many tests there are."""

    model: str
    confidence: Floats
    score: Floats
    before: tuple[Floats, Floats] | None
    p: float | None


def measure_drift(
    reference: Any,
    window: Any,
    *,
    confidence: Router | Literal["leg"] | None = None,
    by: str | None = None,
    alpha: float = 0.01,
    least_rows: int = 100,
    seed: int = 0,
) -> Drift:
    """Compare the outcomes of a window with those of a reference: the prompts, and the calibration of confidences.

    A row of a log (with `propensity`) is a prompt that was asked; of other tables each different prompt counts once.

    Args:
        reference, window: anything that `Outcomes.read` reads. Rows that the router was fitted on are no reference for
            its calibration, which looks better there; the very table that it was fitted on is not used for that.
        confidence: whose calibration: a router's decision confidence, or "leg" for the models' own (`leg_confidence`).
        by: "task", "split" or "fold": the whole, and each of its values.
        alpha: the chance of a false alarm in the whole call, in (0, 1).
        least_rows: below so many on either side nothing is said.
        seed: of the classifier of the vocabulary and the floor of the ECE.

    Something has drifted if it is beyond chance (Holm's correction) *and* large enough to matter: see
    `LEAST_INDEX`, `LEAST_AREA`, `LEAST_GAP`. Prompts that come again and again, from one user for example, are taken as
    if they were asked independently.

    >>> rows = {"prompt": [f"add {n} and {n}" for n in range(60)], "model": ["a@1"] * 60, "score": [1] * 60}
    >>> measure_drift(rows, rows).verdict
    'too little data'

    Raises:
        ArtifactError, MissingExtra, OutcomesError: a table cannot be read, lacks what is asked for, or an option is out
            of range.
    """
    tables = [each if isinstance(each, Outcomes) else Outcomes.of_log(each) for each in (reference, window)]
    _check(tables, confidence, by, alpha, least_rows)
    prompts = list(dict.fromkeys([*tables[0].prompts, *tables[1].prompts]))
    code = {prompt: at for at, prompt in enumerate(prompts)}
    before, after = (_side(table, code, confidence, by) for table in tables)
    if isinstance(confidence, Router) and confidence.card.get("data_digest") == tables[0].digest:
        # On what it was fitted on it is righter than it can be elsewhere: the window is held against 0.
        before = replace(before, confidence=np.full(len(before.confidence), np.nan))
    signals = np.array([list(_core.signals(prompt).values()) for prompt in prompts], dtype=np.float64)
    names: list[str | None] = [None]
    if by is not None:
        asked = [str(name) for name in after.slices[after.asked]]
        names += [name for name, _ in sorted(Counter(asked).items(), key=lambda pair: (-pair[1], pair[0]))]
    measured = [_measured(name, before, after, prompts, signals, least_rows, seed) for name in names]
    about_inputs = [each.p for part in measured for each in part[2]]
    about_models = [cell.p for part in measured for cell in part[3] if cell.p is not None]
    # Half of alpha each, so that a few tests of calibration are not drowned by fifty of each slice's prompts.
    corrected, of_models = (iter(_halved(p_values)) for p_values in (about_inputs, about_models))
    shifts = [[_shift(each, next(corrected), alpha) for each in part[2]] for part in measured]
    cells = [[_calibration(cell, of_models, alpha, seed) for cell in part[3]] for part in measured]
    parts = [
        _judged(name, part, inputs, calibration, least_rows)
        for name, part, inputs, calibration in zip(names, measured, shifts, cells, strict=True)
    ]
    moved = [part for part in parts if part.verdict == "drifted"]
    verdict: Verdict = "drifted" if moved else parts[0].verdict
    worst = parts[0] if parts[0].verdict == "drifted" or not moved else moved[0]
    reason = worst.reason if worst.name is None else f"{by} {worst.name}: {worst.reason}"
    return Drift(verdict, reason, parts, by, alpha, len(about_inputs) + len(about_models))


def _check(tables: list[Outcomes], confidence: Any, by: str | None, alpha: float, least_rows: int) -> None:
    wrong = []
    if by is not None and by not in BY:
        wrong.append(Violation(f"by {by}", "there is no such column", f"say one of {', '.join(BY)}"))
    elif by is not None and tables[1].words(by) is None:
        wrong.append(Violation(f"by {by}", "the window has no such column", "leave it out"))
    if not 0 < alpha < 1:
        wrong.append(Violation("alpha", f"{alpha!r} is not in (0, 1)", "give 0.01"))
    if least_rows < 2:
        wrong.append(Violation("least_rows", f"{least_rows} is below 2", "give 100"))
    if confidence == "leg" and np.isnan(tables[1].numbers("leg_confidence")).all():
        wrong.append(Violation("leg_confidence", "the window has none", "log what models say of their answers"))
    elif confidence is not None and confidence != "leg" and not isinstance(confidence, Router):
        wrong.append(Violation("confidence", f"{confidence!r} is neither", 'give a Router, or "leg"'))
    if wrong:
        raise OutcomesError(wrong)


def _side(table: Outcomes, code: dict[str, int], confidence: Any, by: str | None) -> _Side:
    codes = np.array([code[prompt] for prompt in table.prompts], np.intp)[table.prompt_codes]
    asked = ~np.isnan(table.numbers("propensity"))
    if not asked.any():
        asked = np.zeros(len(table), bool)
        asked[np.unique(codes, return_index=True)[1]] = True
    sure = np.full(len(table), np.nan)
    if confidence == "leg":
        sure = table.numbers("leg_confidence")
    elif isinstance(confidence, Router):
        column = np.array([confidence.models.index(m) if m in confidence.models else -1 for m in table.models], np.intp)
        scores = confidence.score_batch(table.prompts)
        own = column[table.model_codes]
        sure = np.where(own >= 0, scores[table.prompt_codes, own], np.nan).astype(np.float64)
    slices = np.array(["(none)" if name is None else name for name in table.texts(by)] if by else [], dtype=object)
    return _Side(codes, table.texts("model"), table.numbers("score"), sure, asked, slices)


Measured = tuple[int, int, list[Tested], list[_Cell]]


def _measured(
    name: str | None, before: _Side, after: _Side, prompts: list[str], signals: Floats, least_rows: int, seed: int
) -> Measured:
    """Rows then, rows now, and the tests of one slice."""
    inside = [np.ones(len(side.score), bool) if name is None else side.slices == name for side in (before, after)]
    asked = [side.prompt[side.asked & rows] for side, rows in zip((before, after), inside, strict=True)]
    inputs = []
    if min(len(asked[0]), len(asked[1])) >= least_rows:
        inputs = tested_inputs(prompts, signals, asked[0], asked[1], seed)
    cells = []
    pairs = [_pairs(side, rows) for side, rows in zip((before, after), inside, strict=True)]
    for model, (sure, score) in sorted(pairs[1].items()):
        known = pairs[0].get(model)
        # Where the reference has some rows and not enough, nobody can tell what was wrong then already.
        enough = min(len(sure), least_rows if known is None else len(known[0])) >= least_rows
        p = moved_residuals(known, (sure, score)) if enough else None
        cells.append(_Cell(model, sure, score, known, p))
    return len(asked[0]), len(asked[1]), inputs, cells


def _pairs(side: _Side, rows: Mask) -> dict[str, tuple[Floats, Floats]]:
    """Confidence and score of each model."""
    known = rows & ~np.isnan(side.confidence)
    models = np.array(side.model, dtype=object)
    found = {}
    for model in sorted({str(each) for each in models[known]}):
        own = known & (models == model)
        found[model] = side.confidence[own], side.score[own]
    return found


def _halved(p_values: list[float]) -> list[float]:
    """Corrected for each other, and for being one of two families."""
    return [min(1.0, 2 * p) for p in holm(p_values)]


def _shift(tested: Tested, p: float, alpha: float) -> InputShift:
    drifted = bool(p < alpha and tested.matters)
    return InputShift(tested.what, tested.size, p, tested.before, tested.after, drifted)


def _calibration(cell: _Cell, corrected: Any, alpha: float, seed: int) -> CalibrationShift:
    r = cell.score - cell.confidence
    gap = normal(float(r.mean()), r - r.mean(), 0.95) if len(r) > 1 else Interval(float(r.mean()), np.nan, np.nan)
    before = float("nan") if cell.before is None else float((cell.before[1] - cell.before[0]).mean())
    floor = ece_floor(cell.confidence, seed=seed)
    wrong = ece(cell.confidence, cell.score)
    verdict: Verdict = "too little data"
    p = 1.0
    if cell.p is not None:
        p = next(corrected)
        # On average, or by more at some confidences than a perfect one would be.
        moved = abs(gap.value - (0.0 if cell.before is None else before))
        matters = moved >= LEAST_GAP or wrong - floor[0] >= LEAST_GAP
        verdict = "drifted" if p < alpha and matters else "stable"
    means = float(cell.confidence.mean()), float(cell.score.mean())
    return CalibrationShift(cell.model, len(r), *means, gap, before, wrong, floor, p, verdict)


def _judged(
    name: str | None, part: Measured, inputs: list[InputShift], calibration: list[CalibrationShift], least_rows: int
) -> SliceDrift:
    then, now, *_ = part
    moved = sorted((shift for shift in inputs if shift.drifted), key=lambda shift: (shift.p, -shift.size))
    wrong = [cell for cell in calibration if cell.verdict == "drifted"]
    verdict: Verdict
    if moved or wrong:
        told = []
        if moved:
            more = f" and {len(moved) - 1} more" if len(moved) > 1 else ""
            told.append(f"prompts are others: {moved[0].what}{_from_to(moved[0])}{more}")
        told += [f"{cell.model} scores {cell.score:.2f} where it was given {cell.confidence:.2f}" for cell in wrong]
        verdict, reason = "drifted", "; ".join(told)
    elif then == 0 and now >= least_rows:
        verdict, reason = "drifted", f"it is new: {now} prompts, none before"
    elif min(then, now) < least_rows:
        verdict, reason = "too little data", f"{now} prompts against {then}; at least {least_rows} of each are needed"
    else:
        verdict, reason = "stable", f"nothing moved beyond chance in {now} prompts against {then}"
    return SliceDrift(name, then, now, verdict, reason, inputs, calibration)


def _from_to(shift: InputShift) -> str:
    if np.isnan(shift.before):
        return f" tells them apart (area {shift.size:.2f})"
    return f" from {shift.before:.3g} to {shift.after:.3g} on average"
