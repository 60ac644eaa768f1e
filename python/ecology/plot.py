"""Charts for reports that open anywhere: SVG as text, without a library, a script or a network.

Colours are names of CSS classes (`STYLE` defines them for light and dark), hovering shows what a mark is, and every
text that comes from data is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

__all__ = ["STYLE", "Chart", "Series", "ticks"]

# Okabe & Ito's palette, which colour-blind readers can tell apart, and lighter or darker where the ground asks for it.
STYLE = """
.eco { --ground:#ffffff; --panel:#f7f8fa; --ink:#1c2330; --soft:#5d6778; --line:#dde1e8; --grid:#e8ebf0;
  --c0:#0072b2; --c1:#d55e00; --c2:#009e73; --c3:#8a5fbf; --c4:#b58900; --c5:#6b7585; --c6:#c0478d; --c7:#2b8fc4; }
@media (prefers-color-scheme: dark) { .eco { --ground:#14181f; --panel:#1b2029; --ink:#e6e9ef; --soft:#9aa5b6;
  --line:#313947; --grid:#262d38; --c0:#58b4ea; --c1:#f5864a; --c2:#3cc9a0; --c3:#b79bea; --c4:#e3c04f;
  --c5:#98a3b3; --c6:#ea86bd; --c7:#8fd0f5; } }
.eco svg { display:block; width:100%; height:auto; font:12px system-ui,-apple-system,"Segoe UI",sans-serif; }
.eco svg text { fill:var(--soft); } .eco svg text.name { fill:var(--ink); font-size:11px; paint-order:stroke;
  stroke:var(--ground); stroke-width:3px; stroke-linejoin:round; }
.eco svg .grid { stroke:var(--grid); stroke-width:1; } .eco svg .axis { stroke:var(--soft); stroke-width:1; }
.eco svg .l { fill:none; stroke-width:2; stroke-linejoin:round; } .eco svg .dash { stroke-dasharray:6 4; }
.eco svg .dot { stroke-dasharray:1.5 4; stroke-linecap:round; }
.eco svg .band { stroke:none; opacity:.16; } .eco svg .m { stroke:var(--ground); stroke-width:1; }
.eco svg .m:hover { stroke:var(--ink); stroke-width:2; }
.eco .legend { display:flex; flex-wrap:wrap; gap:4px 16px; margin:6px 4px 0; font-size:12px; color:var(--soft); }
.eco .legend span { display:inline-flex; align-items:center; gap:6px; } .eco .legend svg { width:22px; height:12px; }
""" + "".join(f".eco svg .s{n} {{ stroke:var(--c{n}); }} .eco svg .f{n} {{ fill:var(--c{n}); }}\n" for n in range(8))


@dataclass(frozen=True)
class Series:
    """Marks of one meaning. `kind`: line, dash, dot (lines), band, points, star, or bars (from y = 0, `width` wide).

    `titles` are shown on hovering, one a mark; `names` beside marks, where there is room. `low` and `high` are the
    edges of a band, or of whiskers at points. `size` is the radius of points, one a mark.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str = "line"
    colour: int = 0
    titles: Sequence[str] = ()
    names: Sequence[str] = ()
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    size: Sequence[float] = ()
    width: float = 0.0
    legend: bool = True


Place = Callable[[float], float]


@dataclass
class Chart:
    """Axes, and what is drawn between them. Ranges are those of the data, unless they are given; so are places of
    ticks along x, which a logarithmic axis needs (give logarithms, and an `x_format` that takes them back)."""

    x_label: str
    y_label: str
    series: list[Series] = field(default_factory=list)
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_ticks: Sequence[float] | None = None
    x_format: Callable[[float], str] = "{:g}".format
    y_format: Callable[[float], str] = "{:g}".format
    width: int = 640
    height: int = 380
    title: str = ""

    def svg(self) -> str:
        """The chart as one `<svg>` element; `STYLE` has to be on the page, around it an element of class `eco`."""
        left, right, top, bottom = 58, 24, 12, 44
        x_low, x_high = self.x_range or _range([v for s in self.series for v in s.x])
        y_low, y_high = self.y_range or _range([v for s in self.series for v in (*s.y, *s.low, *s.high)])
        inner_x, inner_y = self.width - left - right, self.height - top - bottom

        def at_x(value: float) -> float:
            return left + (value - x_low) / (x_high - x_low) * inner_x

        def at_y(value: float) -> float:
            return top + (1 - (value - y_low) / (y_high - y_low)) * inner_y

        parts = [
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(self.title, quote=True)}">'
        ]
        for tick in ticks(x_low, x_high) if self.x_ticks is None else self.x_ticks:
            x = at_x(tick)
            parts.append(f'<path class="grid" d="M{x:.1f} {top}V{top + inner_y}"/>')
            shown = escape(self.x_format(tick))
            parts.append(f'<text x="{x:.1f}" y="{top + inner_y + 17}" text-anchor="middle">{shown}</text>')
        for tick in ticks(y_low, y_high):
            y = at_y(tick)
            parts.append(f'<path class="grid" d="M{left} {y:.1f}H{left + inner_x}"/>')
            shown = escape(self.y_format(tick))
            parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>')
        parts.append(f'<path class="axis" fill="none" d="M{left} {top}V{top + inner_y}H{left + inner_x}"/>')
        middle = left + inner_x / 2
        parts.append(f'<text x="{middle}" y="{self.height - 6}" text-anchor="middle">{escape(self.x_label)}</text>')
        turned = f"translate(14 {top + inner_y / 2}) rotate(-90)"
        parts.append(f'<text transform="{turned}" text-anchor="middle">{escape(self.y_label)}</text>')
        taken: list[tuple[float, float, float, float]] = []
        for series in self.series:
            parts += _marks(series, at_x, at_y, top + inner_y)
        for series in self.series:
            parts += _names(series, at_x, at_y, (left, top, left + inner_x, top + inner_y), taken)
        return "".join([*parts, "</svg>"])

    def html(self) -> str:
        """The chart and its legend below."""
        keys = "".join(f"<span>{_key(s)}{escape(s.label)}</span>" for s in self.series if s.legend)
        return f'{self.svg()}<div class="legend">{keys}</div>'


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers between low and high, at most about so many.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(0.13, 0.42)
    [0.15, 0.2, 0.25, 0.3, 0.35, 0.4]
    """
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def _range(values: Sequence[float]) -> tuple[float, float]:
    """A little more than the values; something to draw in also when there are none or all are equal."""
    seen = [value for value in values if math.isfinite(value)]
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    return low - margin, high + margin


def _marks(series: Series, at_x: Place, at_y: Place, floor: float) -> list[str]:
    colour = min(series.colour, 7)
    shown = [
        at for at, (x, y) in enumerate(zip(series.x, series.y, strict=True)) if math.isfinite(x) and math.isfinite(y)
    ]
    parts = []
    if series.kind == "band":
        shown = [at for at in shown if math.isfinite(series.low[at]) and math.isfinite(series.high[at])]
        there = [f"{at_x(series.x[at]):.1f} {at_y(series.high[at]):.1f}" for at in shown]
        back = [f"{at_x(series.x[at]):.1f} {at_y(series.low[at]):.1f}" for at in reversed(shown)]
        return [f'<path class="band f{colour}" d="M{"L".join(there + back)}Z"/>'] if shown else []
    if series.kind in ("line", "dash", "dot"):
        points = "L".join(f"{at_x(series.x[at]):.1f} {at_y(series.y[at]):.1f}" for at in shown)
        style = "" if series.kind == "line" else f" {series.kind}"
        if points:
            hint = _title(series.label)
            parts.append(f'<path class="l s{colour}{style}" d="M{points}">{hint}</path>')
        return parts
    for at in shown:
        x, y = at_x(series.x[at]), at_y(series.y[at])
        hint = _title(series.titles[at] if series.titles else series.label)
        if series.kind == "bars":
            wide = abs(at_x(series.x[at] + series.width) - x)
            box = f'x="{x - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{max(floor - y, 0):.1f}"'
            parts.append(f'<rect class="m f{colour}" opacity=".55" {box}>{hint}</rect>')
            continue
        if series.low:
            ends = f"M{x:.1f} {at_y(series.low[at]):.1f}V{at_y(series.high[at]):.1f}"
            parts.append(f'<path class="l s{colour}" style="stroke-width:1.2" d="{ends}"/>')
        radius = series.size[at] if series.size else 4.5
        if series.kind == "star":
            parts.append(f'<path class="m f{colour}" d="{_star(x, y, 10)}">{hint}</path>')
        else:
            parts.append(f'<circle class="m f{colour}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">{hint}</circle>')
    return parts


def _names(
    series: Series,
    at_x: Place,
    at_y: Place,
    frame: tuple[float, float, float, float],
    taken: list[tuple[float, float, float, float]],
) -> list[str]:
    """Names beside marks, on the first side where nothing is written yet; else only on hovering.

    Below comes first: what is drawn in these charts runs above its marks.
    """
    parts = []
    for at, name in enumerate(series.names):
        if not (name and math.isfinite(series.x[at]) and math.isfinite(series.y[at])):
            continue
        x, y = at_x(series.x[at]), at_y(series.y[at])
        short = name if len(name) <= 28 else name[:27] + "…"
        wide = 6.2 * len(short)
        for dx, dy, anchor in ((7, 14, "start"), (-7, 14, "end"), (9, 4, "start"), (-9, 4, "end"), (0, -10, "middle")):
            start = x + dx - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
            box = (start, y + dy - 11, start + wide, y + dy + 3)
            inside = box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                place = f'x="{x + dx:.1f}" y="{y + dy:.1f}" text-anchor="{anchor}"'
                parts.append(f'<text class="name" {place}>{escape(short)}</text>')
                break
    return parts


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>"


def _star(x: float, y: float, radius: float) -> str:
    corners = []
    for n in range(10):
        r, angle = radius * (1.0 if n % 2 == 0 else 0.45), math.pi * n / 5 - math.pi / 2
        corners.append(f"{x + r * math.cos(angle):.1f} {y + r * math.sin(angle):.1f}")
    return f"M{'L'.join(corners)}Z"


def _key(series: Series) -> str:
    """The mark of a series in the legend."""
    colour = min(series.colour, 7)
    if series.kind in ("line", "dash", "dot"):
        style = "" if series.kind == "line" else f" {series.kind}"
        mark = f'<path class="l s{colour}{style}" d="M1 6H21"/>'
    elif series.kind == "star":
        mark = f'<path class="f{colour}" d="{_star(11, 6.5, 6)}"/>'
    elif series.kind == "bars":
        mark = f'<rect class="f{colour}" opacity=".55" x="6" y="1" width="10" height="10"/>'
    else:
        mark = f'<circle class="f{colour}" cx="11" cy="6" r="4.5"/>'
    return f'<svg viewBox="0 0 22 12" aria-hidden="true">{mark}</svg>'
