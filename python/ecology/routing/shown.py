"""Outcomes as people read them: a sentence, a row of numbers per model, a table in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from .outcome import REQUIRED

if TYPE_CHECKING:
    from .outcomes import Outcomes

__all__ = ["html", "sentence", "summary"]

MEANS = ("score", "cost_usd", "latency_ms", "tokens_in", "tokens_out")


def sentence(outcomes: Outcomes) -> str:
    """What `repr` gives."""
    feedback = "full" if outcomes.is_full else f"{100 * outcomes.coverage:.3g} % of pairs"
    prompts, models = len(outcomes.prompts), len(outcomes.models)
    parts = [f"{len(outcomes):,} outcomes: {prompts:,} prompts \u00d7 {models:,} models, {feedback}"]
    if len(outcomes):
        parts.append(f"mean score {outcomes.numbers('score').mean():.3f}")
    parts += [name for name in outcomes.fields if name not in REQUIRED]
    parts += [f"left out: {count:,} {reason}" for reason, count in outcomes.left_out.items()]
    return f"Outcomes({'; '.join(parts)})"


def summary(outcomes: Outcomes) -> list[dict[str, Any]]:
    """A row per model: `model`, `outcomes`, `coverage` (of prompts), and the mean of each field, None if unknown."""
    import numpy as np

    width = len(outcomes.models)
    codes = outcomes.model_codes
    asked = np.zeros((len(outcomes.prompts), width), bool)
    asked[outcomes.prompt_codes, codes] = True
    counts, coverage = np.bincount(codes, minlength=width), asked.sum(0) / max(1, len(asked))
    means: dict[str, list[float | None]] = {}
    for name in MEANS:
        values = outcomes.numbers(name)
        known = ~np.isnan(values)
        total = np.bincount(codes[known], values[known], minlength=width)
        rows = np.bincount(codes[known], minlength=width)
        means[name] = [float(t) / int(n) if n else None for t, n in zip(total, rows, strict=True)]
    return [
        {"model": model, "outcomes": int(counts[at]), "coverage": float(coverage[at])}
        | {name: values[at] for name, values in means.items()}
        for at, model in enumerate(outcomes.models)
    ]


def html(outcomes: Outcomes) -> str:
    """What a notebook shows."""
    rows = summary(outcomes)
    names = [name for name in (rows[0] if rows else ()) if any(row[name] is not None for row in rows)]
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_cell(row[name])}</td>" for name in names) + "</tr>" for row in rows)
    said = escape(sentence(outcomes).removeprefix("Outcomes(").removesuffix(")"))
    return f"<table><caption>{said}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else escape(f"{value:,}" if isinstance(value, int) else value)
