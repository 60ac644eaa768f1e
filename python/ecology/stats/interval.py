"""How sure a measured share, or a difference of two, can be."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["paired_interval", "paired_lower", "wilson"]

Z_95 = 1.959963984540054
Z_95_ONE_SIDED = 1.6448536269514722


def wilson(successes: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval for a share (Wilson 1927): honest also near 0 and 1, and for small n.

    >>> low, high = wilson(95, 100)
    >>> round(low, 3), round(high, 3)
    (0.888, 0.978)
    """
    if n <= 0:
        return 0.0, 1.0
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def paired_interval(a: Sequence[float], b: Sequence[float], z: float = Z_95) -> tuple[float, float, float]:
    """Mean of a − b over the same rows, and its normal interval: the rows' own difficulty cancels.

    >>> paired_interval([1, 1, 0, 1], [1, 1, 0, 1])
    (0.0, 0.0, 0.0)
    """
    n = len(a)
    if n == 0:
        return 0.0, 0.0, 0.0
    differences = [x - y for x, y in zip(a, b, strict=True)]
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / max(n - 1, 1)
    half = z * math.sqrt(variance / n)
    return mean, mean - half, mean + half


def paired_lower(total: float, squares: float, n: int, z: float = Z_95_ONE_SIDED) -> float:
    """Lower end of the one-sided interval for a mean difference in [−1, 1], from the sum of the n differences and the
    sum of their squares.

    Two rows are added, half of each a win, a loss and two ties (Agresti and Min 2005): without them a few rows
    that happen to agree everywhere would be proof of equality.

    >>> paired_lower(0.0, 0.0, 10) < -0.1 < paired_lower(0.0, 0.0, 1000) < 0.0
    True
    """
    n += 2
    mean = total / n
    variance = max(0.0, (squares + 1.0) / n - mean * mean)
    return mean - z * math.sqrt(variance / n)
