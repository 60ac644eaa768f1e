"""The metrics once more: slow, obvious, without numpy, straight from their definitions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

Rows = Sequence[float]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def quantile(values: Rows, share: Fraction) -> Fraction:
    """Linearly between the two nearest of the sorted values, exactly."""
    ascending = sorted(values)
    place = share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return Fraction(ascending[low]) + (Fraction(ascending[high]) - Fraction(ascending[low])) * (place - low)


def pair_curve(gain: Rows, strong: Rows, weak: Rows, points: int | None) -> list[tuple[float, float]]:
    """Share of strong calls and score, by rising share."""
    n = len(gain)
    if points is None:
        thresholds = sorted({Fraction(g) for g in gain})
    else:
        edges = [quantile(gain, Fraction(k, points)) for k in range(points + 1)]
        thresholds = sorted(set(edges)) if len(set(edges)) < len(edges) else edges[:-1]
    found = {0.0: mean(weak)}
    for threshold in thresholds:
        sent = [Fraction(g) >= threshold for g in gain]
        found[sum(sent) / n] = mean([s if up else w for up, s, w in zip(sent, strong, weak, strict=True)])
    return sorted(found.items())


def apgr(gain: Rows, strong: Rows, weak: Rows, points: int | None) -> float:
    low, high = mean(weak), mean(strong)
    if high <= low:
        return math.nan
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(pair_curve(gain, strong, weak, points)):
        area += (x1 - x0) * ((y0 - low) + (y1 - low)) / 2 / (high - low)
    return area


def cpt(gain: Rows, strong: Rows, weak: Rows, target: float, points: int | None) -> float:
    low, high = mean(weak), mean(strong)
    if high <= low:
        return math.nan
    curve = [(x, (y - low) / (high - low)) for x, y in pair_curve(gain, strong, weak, points)]
    if curve[0][1] >= target:
        return curve[0][0]
    for (x0, y0), (x1, y1) in itertools.pairwise(curve):
        if y1 >= target - 1e-12:
            return x0 + (x1 - x0) * min((target - y0) / (y1 - y0), 1.0)
    return 1.0


def score_at(points: Sequence[tuple[float, float]], budget: float) -> float:
    """The best of all points and mixtures of two that cost no more than `budget`; part of the cheapest, if none do."""
    cheapest = min(cost for cost, _ in points)
    if budget < cheapest:
        return max(score for cost, score in points if cost == cheapest) * budget / cheapest
    best = max(score for cost, score in points if cost <= budget)
    for (c0, s0), (c1, s1) in itertools.permutations(points, 2):
        if c0 <= budget < c1:
            best = max(best, s0 + (s1 - s0) * (budget - c0) / (c1 - c0))
    return best


def aiq(points: Sequence[tuple[float, float]], low: float, high: float) -> float:
    """Between two costs of points the best mixture is a straight line, so that trapezoids are exact."""
    stops = sorted({low, high, *(cost for cost, _ in points if low < cost < high)})
    area = 0.0
    for x0, x1 in itertools.pairwise(stops):
        area += (x1 - x0) * (score_at(points, x0) + score_at(points, x1)) / 2
    return area / (high - low)


def cost_to_reach(points: Sequence[tuple[float, float]], target: float) -> float:
    reached = [cost for cost, score in points if score >= target]
    for (c0, s0), (c1, s1) in itertools.permutations(points, 2):
        if s0 < target <= s1:
            reached.append(c0 + (c1 - c0) * (target - s0) / (s1 - s0))
    return min(reached, default=math.nan)


def choose(confidence: Sequence[Rows], cost: Sequence[Rows], rate: float) -> list[int]:
    chosen = []
    for sure, price in zip(confidence, cost, strict=True):
        best = 0
        for at in range(1, len(sure)):
            if math.isinf(rate):
                better = (-price[at], sure[at]) > (-price[best], sure[best])
            else:
                mine, other = sure[at] - rate * price[at], sure[best] - rate * price[best]
                better = (mine, -price[at]) > (other, -price[best])
            best = at if better else best
        chosen.append(best)
    return chosen


def random_score(cost: Rows, score: Rows, budget: float) -> float:
    """Shares proportional to exp(−t · cost) by halving t, on a scale of its own."""
    low, high = min(cost), max(cost)
    if low == high:
        return mean(score)
    ends = [s for c, s in zip(cost, score, strict=True) if c == (low if budget <= low else high)]
    if budget <= low or budget >= high:
        return mean(ends)
    left, right = -1e4, 1e4
    for _ in range(200):
        t = (left + right) / 2
        exponents = [-t * (c - low) / (high - low) for c in cost]
        weights = [math.exp(e - max(exponents)) for e in exponents]
        if sum(w * c for w, c in zip(weights, cost, strict=True)) / sum(weights) > budget:
            left = t
        else:
            right = t
    return sum(w * s for w, s in zip(weights, score, strict=True)) / sum(weights)


def ece(confidence: Rows, outcome: Rows, bins: int, binning: str) -> float:
    n = len(confidence)
    total = 0.0
    for number in range(bins):
        inside = []
        for row in range(n):
            lower = sum(confidence[other] < confidence[row] for other in range(n))
            at = lower * bins // n if binning == "mass" else min(math.floor(confidence[row] * bins), bins - 1)
            if at == number:
                inside.append(row)
        if inside:
            gap = mean([confidence[row] for row in inside]) - mean([outcome[row] for row in inside])
            total += abs(gap) * len(inside) / n
    return total


def brier(confidence: Rows, outcome: Rows) -> float:
    return mean([(c - y) ** 2 for c, y in zip(confidence, outcome, strict=True)])


def risk(confidence: Rows, outcome: Rows) -> list[float]:
    """Risk at each coverage, averaged over every order that keeps the more confident first."""
    orders = []
    for order in itertools.permutations(range(len(confidence))):
        sure = [confidence[row] for row in order]
        if all(a >= b for a, b in itertools.pairwise(sure)):
            losses = [1 - outcome[row] for row in order]
            orders.append([mean(losses[: taken + 1]) for taken in range(len(losses))])
    return [mean([order[at] for order in orders]) for at in range(len(confidence))]


def singleton_recall(chosen: Sequence[int], scores: Sequence[Rows], solved: float) -> float:
    found = of = 0
    for pick, row in zip(chosen, scores, strict=True):
        who = [at for at, score in enumerate(row) if score >= solved]
        if len(who) == 1:
            of += 1
            found += who[0] == pick
    return found / of if of else math.nan
