"""Quality against compute, one panel a data set: a page that opens anywhere."""

from __future__ import annotations

import math
from html import escape
from typing import Any

from ecology.plot import STYLE, Chart, Series

__all__ = ["page"]

TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
LABELS = {
    "n-grams": "n-grams",
    "small": "small",
    "large": "large",
    "cascade": "",
    "cascade, votes averaged": "votes averaged",
    "the best at ≤ 10 % of large": "",
    "specialists": "specialists",
}
CURVES = (
    ("averaged", "every threshold, votes averaged", "line", 2),
    ("last", "every threshold, last reply", "dash", 0),
)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>
{style}
body.eco {{ margin:0 auto; padding:24px 20px 40px; max-width:1240px; background:var(--ground); color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif; }}
h1 {{ font-size:22px; margin:0 0 4px; }} p {{ color:var(--soft); margin:0 0 18px; max-width:80ch; }}
.panels {{ display:grid; grid-template-columns:repeat(auto-fit,minmax(min(520px,100%),1fr)); gap:26px; }}
h2 {{ font-size:15px; margin:0 0 2px; }} .panels p {{ font-size:13px; margin:0 0 8px; }}
</style><body class="eco"><h1>{title}</h1><p>{lead}</p><div class="panels">{panels}</div></body></html>
"""
TITLE = "The large model's quality for a fraction of its compute"
LEAD = (
    "Intent classification, measured: accuracy on texts that nothing was trained on and no threshold was chosen by, "
    "against processor time of a whole answer as a share of the large model's (logarithmic). Curves are all thresholds "
    "after the event; marks are contenders that answered, under plans that the product solved on other rows."
)


def page(results: list[dict[str, Any]]) -> str:
    """The whole file."""
    panels = "".join(_panel(result) for result in results)
    return PAGE.format(title=escape(TITLE), lead=escape(LEAD), style=STYLE, panels=panels)


def _panel(result: dict[str, Any]) -> str:
    rows = {row["key"]: row for row in result["rows"]}
    chosen, large = rows["cascade, votes averaged"], rows["large"]
    curves = result["curves"]
    series = []
    large_ms = curves["large_ms"]
    for name, label, kind, colour in CURVES:
        accuracy = curves[name]
        last = len(accuracy) - 1
        x = [math.log10((curves["small_ms"] + at / last * large_ms) / large_ms) for at in range(last + 1)]
        kept = range(0, last + 1, max(1, last // 400))
        series.append(Series(label, [x[at] for at in kept], [accuracy[at] for at in kept], kind, colour))
    small = rows["small"]
    ends = [small["accuracy"], large["accuracy"]]
    first = curves["small_ms"] / large_ms
    blind = [
        (math.log10(first + (1 - first) * share / 60), ends[0] + (ends[1] - ends[0]) * share / 60)
        for share in range(61)
    ]
    level = f"large alone, {_short(large['accuracy'])}"
    series.append(Series(level, [math.log10(first), 0.0], [large["accuracy"]] * 2, "dash", 3))
    series.append(Series("a coin between the two", [x for x, _ in blind], [y for _, y in blind], "dot", 5))
    low = min(row["accuracy"] for key, row in rows.items() if key != "specialists")
    shown = [row for key, row in rows.items() if key in LABELS and row["accuracy"] > low - 0.012]
    for row in shown:
        colour, kind = {"cascade, votes averaged": (1, "star"), "large": (3, "points")}.get(row["key"], (0, "points"))
        colour = 5 if row["key"] in ("oracle", "specialists", "n-grams") else colour
        label = LABELS[row["key"]]
        name = f"{label} {_short(row['accuracy'])}" if label else ""
        series.append(
            Series(
                row["name"],
                [math.log10(row["compute_ratio"])],
                [row["accuracy"]],
                kind,
                colour,
                [_title(row)],
                [name],
                legend=False,
            )
        )
    left, right = min(s.x[0] for s in series), max(max(s.x) for s in series)
    left, right = left - 0.12, max(right, 0.0) + 0.1
    chart = Chart(
        "compute, share of the large model's",
        "accuracy",
        series,
        x_range=(left, right),
        x_ticks=[at for tick in TICKS if left <= (at := math.log10(tick)) <= right],
        x_format=lambda value: f"{10**value:.1%}" if value < -2 else f"{10**value:.0%}",
        y_format=_short,
        height=430,
        title=f"{result['file']}: accuracy against compute",
    )
    gap = chosen["against_large"]
    oracle = rows["oracle"]
    said = (
        f"Votes averaged: {gap['mean']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}] against the large model alone, at "
        f"{chosen['compute_ratio']:.1%} of its compute ({result['n']:,} texts, {result['labels']} labels). "
        f"An oracle has {_short(oracle['accuracy'])}."
    )
    name = result["file"].split(".")[0]
    return f"<section><h2>{escape(name)}</h2><p>{escape(said)}</p>{chart.html()}</section>"


def _short(accuracy: float) -> str:
    return f"{accuracy:.3f}".removeprefix("0")


def _title(row: dict[str, Any]) -> str:
    low, high = row["accuracy_ci"]
    return f"{row['name']}: {row['accuracy']:.4f} ({low:.3f} to {high:.3f}), {row['compute_ms']:.3f} ms"
