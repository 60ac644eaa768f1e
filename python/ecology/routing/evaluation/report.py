"""An evaluation as a page for people: it opens from a disk, a mail or a notebook, and needs nothing else."""

from __future__ import annotations

import json
import math
from html import escape
from typing import TYPE_CHECKING

from .charts import calibration_charts, confidence_chart, pair_chart, risk_chart, trade_chart
from .definitions import DEFINITIONS
from .style import PAGE_STYLE

if TYPE_CHECKING:
    from ..metrics import Interval
    from .value import Evaluation, Policy

__all__ = ["cost_of", "fragment", "number", "page", "share", "verdict"]

NONE, MINUS = "\u2013", "\u2212"  # an en dash for what is undefined, and a minus as wide as a plus

NAMES = {
    "router": "the router",
    "most confident": "the router, most confident",
    "best single": "best single model",
    "mixture": "best fixed mixture",
    "random": "random at equal cost",
    "oracle at equal cost": "oracle at equal cost",
    "oracle": "oracle",
}


def page(evaluation: Evaluation) -> str:
    """A whole HTML document, with the numbers as JSON in an element `evaluation`."""
    # A script element ends at the first `</`, wherever that stands; JSON may write `<` otherwise.
    numbers = json.dumps(evaluation.to_dict(), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>Router evaluation</title>'
        f"<style>{PAGE_STYLE}</style></head>\n"
        f'<body class="eco"><main>{_body(evaluation)}</main>\n'
        f'<script type="application/json" id="evaluation">{numbers}</script></body></html>\n'
    )


def fragment(evaluation: Evaluation) -> str:
    """The same for a notebook: an element with its styles, without the numbers."""
    return f'<div class="eco"><style>{PAGE_STYLE}</style><main>{_body(evaluation)}</main></div>'


def number(value: float, digits: int = 3) -> str:
    """A number for people; what is undefined is a dash.

    >>> number(0.61251), number(-0.0123) == MINUS + "0.012", number(float("nan")) == NONE
    ('0.613', True, True)
    """
    return f"{value:.{digits}f}".replace("-", MINUS) if math.isfinite(value) else NONE


def share(value: float) -> str:
    """A share for people.

    >>> share(0.2831), share(float("nan")) == NONE
    ('28.3 %', True)
    """
    return f"{100 * value:.1f} %" if math.isfinite(value) else NONE


def cost_of(value: float, unit: str | None) -> str:
    """A cost per prompt for people: US dollars for a thousand prompts, or milliseconds.

    >>> cost_of(0.0021856, "USD"), cost_of(12.34, "ms"), cost_of(1.0, None) == NONE
    ('$2.186', '12.3 ms', True)
    """
    if unit is None or not math.isfinite(value):
        return NONE
    return f"${1000 * value:.{3 if value >= 1e-4 else 4}f}" if unit == "USD" else f"{value:.3g} ms"


def _body(e: Evaluation) -> str:
    parts = [_head(e), _tiles(e), _policies(e), _curves(e), _calibration(e), _slices(e), _metrics(e), _foot(e)]
    return "".join(parts).replace(" %", "\u00a0%")  # a number and its sign stay on one line


def _head(e: Evaluation) -> str:
    warnings = "".join(f'<div class="warn">{escape(text)}</div>' for text in e.warnings)
    models = ", ".join(escape(model) for model in e.models)
    return (
        f"<h1>{verdict(e)}</h1><p class='soft'>{e.prompts:,} prompts ({escape(e.rows)}), {len(e.models)} models: "
        f"{models}. "
        f"Costs: {escape(e.cost_basis)}. Brackets are 95 % intervals: percentile bootstrap over prompts, {e.resamples} "
        f"resamples, seed {e.seed}; differences are paired.</p>"
        f"<p class='soft mono'>router {escape(e.router)}</p>{warnings}"
    )


def verdict(e: Evaluation) -> str:
    """The first thing to know, no stronger than the interval allows."""
    gain = e.metrics["aiq_gain"]
    if not math.isfinite(gain.value):
        single = e.policy("best single")
        gain = single.below if single is not None and single.below is not None else gain
        return f"The router {_beats(gain)} the best single model"
    return f"The router {_beats(gain)} the best fixed mixture of models"


def _beats(gain: Interval) -> str:
    if gain.low > 0:
        return "beats"
    return "is worse than" if gain.high < 0 else "does not clearly beat"


def _tiles(e: Evaluation) -> str:
    served, single = e.policies[0], e.policy("best single")
    assert single is not None, "every evaluation has it"
    tiles = [("score as served", number(served.score.value), _span(served.score), "")]
    if single.below is not None:
        kind = "up" if single.below.low > 0 else "down" if single.below.high < 0 else ""
        tiles.append(("above best single", _signed(single.below.value), _span(single.below), kind))
    if served.cost is not None and single.cost is not None and single.cost.value > 0:
        part = served.cost.value / single.cost.value
        costs = f"{cost_of(served.cost.value, e.cost_unit)} against {cost_of(single.cost.value, e.cost_unit)}"
        tiles.append(("cost, as a share of best single's", share(part), costs + _per(e), ""))
    gain = e.metrics["aiq_gain"]
    if math.isfinite(gain.value):
        kind = "up" if gain.low > 0 else "down" if gain.high < 0 else ""
        tiles.append(("AIQ above fixed mixtures", _signed(gain.value), _span(gain), kind))
    apgr = e.metrics["apgr"]
    if math.isfinite(apgr.value):
        told = f"{e.strong} over {e.weak}; {_span(apgr)}; random 0.500"
        tiles.append(("APGR", number(apgr.value), told, ""))
    ece = e.metrics["ece_mass"]
    floor, high = e.floors["ece_mass"]
    kind = "up" if ece.value <= high else "down"
    tiles.append(("ECE", number(ece.value), f"a perfect score measures {number(floor)}, up to {number(high)}", kind))
    shown = "".join(
        f'<div class="tile"><span>{escape(label)}</span><b class="{kind}">{value}</b><span>{escape(note)}</span></div>'
        for label, value, note, kind in tiles
    )
    return f'<div class="tiles">{shown}</div>'


def _policies(e: Evaluation) -> str:
    head = f"<th class='text'>policy</th><th>score</th><th>cost{_per(e)}</th><th>router minus this</th>"
    rows = "".join(_policy(e, policy) for policy in e.policies)
    return (
        "<h2>Beside its rivals</h2><p class='soft'>All on the same prompts. Mixture, random and oracle at equal cost "
        f"spend what the router spends as it serves.</p><div class='scroll'><table><tr>{head}</tr>{rows}</table></div>"
    )


def _policy(e: Evaluation, policy: Policy) -> str:
    cost = _both(policy.cost, lambda value: cost_of(value, e.cost_unit)) if policy.cost is not None else NONE
    below = _both(policy.below, _signed) if policy.below is not None else ""
    first = ' class="first"' if policy.name == "router" else ""
    return (
        f"<tr{first}><td class='text'>{escape(NAMES[policy.name])}<small>{escape(policy.what)}</small></td>"
        f"<td>{_both(policy.score, number)}</td><td>{cost}</td><td>{below}</td></tr>"
    )


def _curves(e: Evaluation) -> str:
    parts = []
    trade = trade_chart(e)
    if trade is not None:
        parts.append(
            "<h2>Cost and quality</h2><p class='soft'>Each point of the router's curve is one rate at which it gives "
            "quality for money. On the dashed line are the fixed mixtures of models, which read no prompt: a router "
            "has to be above it, and so has its band, the paired 95 % interval of its distance from that line.</p>"
            f"<figure>{trade.html()}</figure>"
        )
    parts.append(
        f"<h2>{escape(e.strong)} over {escape(e.weak)}; and answering only where sure</h2><div class='two'><figure>"
        "<p class='soft'>Score when the prompts with the highest expected gain go to the strong model. APGR is the "
        f"area between weak and strong under this curve.</p>{pair_chart(e).html()}</figure><figure><p class='soft'>"
        "Mean loss of the prompts that it is most sure of, from 2 % of them on. Flat would be a confidence that knows "
        f"nothing, the lower curve is the best order there is.</p>{risk_chart(e).html()}</figure></div>"
    )
    return "".join(parts)


def _calibration(e: Evaluation) -> str:
    pooled, *models = calibration_charts(e)
    first, *rest = e.calibration
    small = "".join(
        f"<figure><h3>{escape(row.model)}</h3>{chart.svg()}<div class='soft'>ECE {number(row.ece)}, floor "
        f"{number(row.floor)} to {number(row.floor_high)}; Brier {number(row.brier)}</div></figure>"
        for row, chart in zip(rest, models, strict=True)
    )
    return (
        "<h2>Is its confidence true?</h2><p class='soft'>Ten bins of equally many rows; a circle's area is its number "
        "of rows, whiskers are its 95 % interval (Wilson, as if every score were 0 or 1). On the diagonal, 0.8 means "
        f"80 %. ECE over all models {number(first.ece)}; a perfectly calibrated score measures {number(first.floor)} "
        f"here on average, and {number(first.floor_high)} one time in twenty.</p><div class='two'>"
        f"<figure>{pooled.html()}</figure><figure>{confidence_chart(e).html()}</figure></div>"
        f"<div class='many'>{small}</div>"
    )


def _slices(e: Evaluation) -> str:
    if not e.slices:
        return ""
    names = ("prompts", "score", "best single", "router minus it", f"cost{_per(e)}", "APGR", "ECE", "floor")
    head = "".join(f"<th>{each}</th>" for each in names)
    rows = "".join(
        f"<tr><td class='text'>{escape(row.name)}</td><td>{row.prompts:,}</td><td>{number(row.score)}</td>"
        f"<td>{number(row.best_single)}</td><td>{_both(row.gain, _signed)}</td>"
        f"<td>{cost_of(math.nan if row.cost is None else row.cost, e.cost_unit)}</td><td>{number(row.apgr)}</td>"
        f"<td>{number(row.ece)}</td><td>{number(row.ece_floor)}</td></tr>"
        for row in e.slices
    )
    single = e.policy("best single")
    told = escape(single.what) if single is not None else ""
    return (
        f"<h2>By {escape(str(e.by))}</h2><p class='soft'>The router as it serves, beside {told}. With this many "
        "intervals one in twenty misses by chance.</p>"
        f"<div class='scroll'><table><tr><th class='text'>{escape(str(e.by))}</th>{head}</tr>{rows}</table></div>"
    )


def _metrics(e: Evaluation) -> str:
    rows = []
    for name, told in DEFINITIONS.items():
        show = share if told.form == "share" else number
        value = e.metrics[name]
        extra = ""
        if name in e.floors:
            extra = f"<br><small>floor {number(e.floors[name][0])} to {number(e.floors[name][1])}</small>"
        if name == "singleton_recall":
            extra = f"<br><small>of {e.singletons:,} prompts</small>"
        if name.startswith("cost_at") and not math.isfinite(value.value) and e.cost_unit is not None:
            extra = "<br><small>not reached</small>"
        better = f"<small>{told.better} is better</small>" if told.better else ""
        rows.append(
            f"<tr><td class='text' style='min-width:170px'>{escape(told.label)}{better}</td>"
            f"<td>{_both(value, show)}{extra}</td><td class='text'><small>{escape(told.text)}</small></td></tr>"
        )
    return (
        "<h2>All metrics, and what they mean</h2><div class='scroll'><table><tr><th class='text'>metric</th>"
        f"<th>value</th><th class='text'>definition</th></tr>{''.join(rows)}</table></div>"
    )


def _foot(e: Evaluation) -> str:
    return (
        "<p class='soft' style='margin-top:32px'>The same numbers are in this file as JSON, in the element "
        "<span class='mono'>evaluation</span>. “As it serves” is the router's own policy; the curves are what it could "
        "do at other settings.</p>"
    )


def _both(value: Interval, show: object) -> str:
    """The number, and its interval in small."""
    assert callable(show), "a function that formats"
    if not math.isfinite(value.low):
        return str(show(value.value))
    return f"{show(value.value)}<br><small>[{show(value.low)}, {show(value.high)}]</small>"


def _span(value: Interval) -> str:
    return f"95 %: {number(value.low)} to {number(value.high)}" if math.isfinite(value.low) else "no interval"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)


def _per(e: Evaluation) -> str:
    return {"USD": " per 1,000", "ms": " per prompt"}.get(e.cost_unit or "", "")
