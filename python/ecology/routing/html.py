"""Decisions and routers as tables in a notebook. Everything that comes from a user is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .. import _core
    from .explain import Explanation
    from .router import Router

__all__ = ["decision_html", "explanation_html", "router_html"]


def decision_html(decision: _core.Decision) -> str:
    """The ranking, and who was excluded for what. The core calls this by name."""
    told = decision.to_dict()
    rows = [
        (
            row["model"],
            row["confidence"],
            row["expected_cost_usd"],
            row["expected_latency_ms"],
            row["not_chosen"] or "chosen",
        )
        for row in told["ranked"]
    ]
    rows += [(model, None, None, None, "; ".join(why)) for model, why in told["excluded"].items()]
    kind = "calibrated" if told["calibrated"] else "uncalibrated"
    caption = f"{told['model']}: confidence {told['confidence']:.3f}, {kind}"
    return _table(caption, ("model", "confidence", "expected USD", "expected ms", ""), rows)


def router_html(router: Router) -> str:
    """Its models, with what each was worth in the outcomes."""
    facts = router.card.get("models", {})
    rows = [
        (model, *(facts.get(model, {}).get(fact) for fact in ("score", "cost_usd", "latency_ms")))
        for model in router.models
    ]
    return _table(str(router), ("model", "mean score", "mean USD", "mean ms"), rows)


def explanation_html(explanation: Explanation) -> str:
    """The decision, then what moved it."""
    told = explanation.to_dict()
    tables = [explanation.decision._repr_html_()]
    tables.append(
        _table(
            "signals that stand out",
            ("signal", "value", "standard deviations from the mean"),
            ((row["signal"], row["value"], row["deviations"]) for row in told["signals"]),
        )
    )
    for block in told["blocks"]:
        rows = (
            (row["name"], row["share"], row["contribution"], "; ".join(row["evidence"])) for row in block["members"]
        )
        caption = (
            f"{block['name']}: {block['contribution']:+.3f} for {told['model']} against {told['runner_up'] or 'nobody'}"
        )
        tables.append(_table(caption, ("", "share", "contribution", "nearest"), rows))
    return "".join(tables)


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
