"""The charts of an evaluation's report: which columns become which marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...plot import Chart, Series
from ...stats import wilson

if TYPE_CHECKING:
    from .value import Evaluation, ModelCalibration

__all__ = ["calibration_charts", "confidence_chart", "pair_chart", "risk_chart", "trade_chart"]

ROUTER, MIXTURE, ORACLE, RANDOM, SINGLE = 0, 1, 2, 5, 3
NAMED = 12


def trade_chart(e: Evaluation) -> Chart | None:
    """Cost against quality: router, single models, mixtures, random, oracle; None where costs have no spread."""
    if "singles" not in e.curves:
        return None
    scale = 1000.0 if e.cost_unit == "USD" else 1.0

    def cost(name: str) -> list[float]:
        return [value * scale for value in e.curves[name]["cost"]]

    singles, router, band = e.curves["singles"], e.curves["router"], e.curves["band"]
    label = "mean cost, US dollars per 1,000 prompts" if e.cost_unit == "USD" else "mean latency, ms"
    # Of many models only those are named that a mixture would use; the others tell their names on hovering.
    used = set(e.curves["mixture"]["cost"]) if len(singles["model"]) > NAMED else set(singles["cost"])
    names = [model if at in used else "" for model, at in zip(singles["model"], singles["cost"], strict=True)]
    told = [
        f"{model}: {score:.3f} at {at:.4g}"
        for model, score, at in zip(singles["model"], singles["score"], cost("singles"), strict=True)
    ]
    served = e.policies[0]
    edge = max(*cost("singles"), *cost("router"))
    oracle = e.curves["oracle"]
    lines = [
        Series("oracle", [*cost("oracle"), edge], _flat(oracle["score"]), "dot", ORACLE),
        Series("fixed mixtures", [*cost("mixture"), edge], _flat(e.curves["mixture"]["score"]), "dash", MIXTURE),
        Series("random at equal cost", cost("random"), e.curves["random"]["score"], "dot", RANDOM),
        Series("", cost("band"), band["score"], "band", ROUTER, low=band["low"], high=band["high"], legend=False),
        Series("the router", [*cost("router"), edge], _flat(router["score"]), "line", ROUTER),
        Series(
            "its corners", cost("router"), router["score"], "points", ROUTER, size=[2.6] * len(router["cost"]),
            titles=[f"router: {s:.3f} at {c:.4g}" for c, s in zip(cost("router"), router["score"], strict=True)],
            legend=False,
        ),
        Series("single models", cost("singles"), singles["score"], "points", SINGLE, titles=told, names=names),
    ]  # fmt: skip
    if served.cost is not None:
        at = served.cost.value * scale
        hint = f"as it serves: {served.score.value:.3f} at {at:.4g}"
        lines.append(Series("as it serves", [at], [served.score.value], "star", ROUTER, titles=[hint]))
    return Chart(label, "mean score", lines, title="Cost and quality", width=1000, height=460)


def pair_chart(e: Evaluation) -> Chart:
    """Score against the share of strong calls."""
    pair, oracle = e.curves["pair"], e.curves["pair_oracle"]
    weak, strong = pair["score"][0], pair["score"][-1]
    lines = [
        Series("oracle's order", oracle["share"], oracle["score"], "dot", ORACLE),
        Series("random order", [0.0, 1.0], [weak, strong], "dash", MIXTURE),
        Series("the router's order", pair["share"], pair["score"], "line", ROUTER),
        Series(
            "", pair["share"], pair["score"], "points", ROUTER, size=[3.0] * len(pair["share"]), legend=False,
            titles=[f"{s:.3f} with {100 * x:.0f} % strong calls" for x, s in zip(*pair.values(), strict=True)],
        ),
    ]  # fmt: skip
    chart = Chart("share of prompts to the strong model", "mean score", lines, title="Strong calls and quality")
    chart.x_range, chart.x_format = (0.0, 1.0), _percent
    return chart


def risk_chart(e: Evaluation) -> Chart:
    """Risk against coverage."""
    risk, best = e.curves["risk"], e.curves["risk_best"]
    mean = risk["risk"][-1]
    lines = [
        Series("no order", [0.0, 1.0], [mean, mean], "dash", MIXTURE),
        Series("best order", best["coverage"], best["risk"], "dot", ORACLE),
        Series("by the router's confidence", risk["coverage"], risk["risk"], "line", ROUTER),
    ]
    top = max(*risk["risk"], mean, 0.02) * 1.08
    chart = Chart("coverage: share of prompts answered", "mean loss of what is answered", lines, title="Risk-coverage")
    chart.x_range, chart.y_range, chart.x_format = (0.0, 1.0), (0.0, top), _percent
    return chart


def calibration_charts(e: Evaluation) -> list[Chart]:
    """Reliability diagrams: all models, then one each, in the order of `calibration`."""
    first, *rest = e.calibration
    large = _reliability(first, 640, 430)
    return [large] + [_reliability(row, 300, 250) for row in rest]


def confidence_chart(e: Evaluation) -> Chart:
    """How often the chosen model is trusted how much."""
    columns = e.curves["confidence"]
    width = 1.0 / len(columns["from"])
    told = [
        f"{start:.2f} to {start + width:.2f}: {count} prompts"
        for start, count in zip(columns["from"], columns["count"], strict=True)
    ]
    middle = [start + width / 2 for start in columns["from"]]
    label = "prompts by confidence in the chosen model"
    bars = Series(label, middle, columns["count"], "bars", ROUTER, told, width=width)
    chart = Chart("confidence in the chosen model", "prompts", [bars], title="Confidence", height=430)
    chart.x_range, chart.y_range = (0.0, 1.0), (0.0, max(*columns["count"], 1) * 1.08)
    return chart


def _reliability(row: ModelCalibration, width: int, height: int) -> Chart:
    edges = [wilson(round(score * count), count) for score, count in zip(row.score, row.count, strict=True)]
    most = max(row.count)
    largest = 8.0 if width > 400 else 5.5
    told = [
        f"said {c:.3f}, was {s:.3f}, {n} rows" for c, s, n in zip(row.confidence, row.score, row.count, strict=True)
    ]
    marks = Series(
        "measured", row.confidence, row.score, "points", ROUTER, told,
        low=[min(low, s) for (low, _), s in zip(edges, row.score, strict=True)],
        high=[max(high, s) for (_, high), s in zip(edges, row.score, strict=True)],
        size=[max(2.0, largest * (n / most) ** 0.5) for n in row.count],
    )  # fmt: skip
    diagonal = Series("perfect", [0.0, 1.0], [0.0, 1.0], "dash", MIXTURE)
    chart = Chart("confidence", "mean score", [diagonal, marks], (0.0, 1.0), (0.0, 1.0), width=width, height=height)
    chart.title = f"Reliability, {row.model}"
    return chart


def _flat(scores: list[float]) -> list[float]:
    """Continued at the last score: who can pay more need not."""
    return [*scores, scores[-1]]


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
