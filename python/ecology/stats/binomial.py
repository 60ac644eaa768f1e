"""How surprising so few errors would be, if a bound on the error did not hold.

Each function gives a p-value for the hypothesis "the mean loss is above alpha": a small one is evidence that it is not.
Valid in finite samples, without a normal approximation, for rows that are drawn independently from one source.
"""

from __future__ import annotations

import math

__all__ = ["binomial_cdf", "binomial_p_value", "hoeffding_bentkus_p_value"]

NEGLIGIBLE = 1e-17


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X ≤ k) for X ~ Bin(n, p), summed from the largest term that is asked for; exact to rounding.

    >>> binomial_cdf(0, 10, 0.1) == 0.9**10
    True
    >>> round(binomial_cdf(3, 10, 0.5), 6)
    0.171875
    """
    if k < 0:
        return 0.0
    if k >= n or p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 0.0
    if k == 0:
        return float((1.0 - p) ** n)
    at = min(k, int((n + 1) * p))  # the mode, or the edge: from there the terms only fall
    log_term = math.lgamma(n + 1) - math.lgamma(at + 1) - math.lgamma(n - at + 1)
    largest = math.exp(log_term + at * math.log(p) + (n - at) * math.log1p(-p))
    odds, total = p / (1.0 - p), largest
    term = largest
    for i in range(at, 0, -1):
        term *= i / ((n - i + 1) * odds)
        total += term
        if term < NEGLIGIBLE * total:
            break
    term = largest
    for i in range(at, k):
        term *= (n - i) * odds / (i + 1)
        total += term
        if term < NEGLIGIBLE * total:
            break
    return min(1.0, total)


def binomial_p_value(errors: int, n: int, alpha: float) -> float:
    """For losses that are 0 or 1: P(Bin(n, alpha) ≤ errors), the exact tail (Clopper and Pearson 1934).

    >>> binomial_p_value(0, 299, 0.01) < 0.05 < binomial_p_value(0, 298, 0.01)
    True
    """
    return binomial_cdf(errors, n, alpha) if n else 1.0


def hoeffding_bentkus_p_value(mean_loss: float, n: int, alpha: float) -> float:
    """For losses in [0, 1]: the smaller of Hoeffding's and Bentkus's bound (Bates et al. 2021, proposition 1 of
    Angelopoulos et al., “Learn then Test”, 2021).

    >>> hoeffding_bentkus_p_value(0.0, 1000, 0.02) < 0.001
    True
    >>> hoeffding_bentkus_p_value(0.02, 1000, 0.02)
    1.0
    """
    if n == 0 or mean_loss >= alpha:
        return 1.0
    divergence = (1.0 - mean_loss) * math.log((1.0 - mean_loss) / (1.0 - alpha))
    if mean_loss > 0.0:
        divergence += mean_loss * math.log(mean_loss / alpha)
    hoeffding = math.exp(-n * divergence)
    # Rounding must not make a whole number of losses one more.
    bentkus = math.e * binomial_cdf(math.ceil(n * mean_loss - 1e-9), n, alpha)
    return min(1.0, hoeffding, bentkus)
