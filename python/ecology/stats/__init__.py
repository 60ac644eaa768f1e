"""Intervals and tests: plain functions of numbers."""

from .binomial import binomial_cdf, binomial_p_value, hoeffding_bentkus_p_value
from .interval import paired_interval, paired_lower, wilson
from .plain import plain

__all__ = [
    "binomial_cdf",
    "binomial_p_value",
    "hoeffding_bentkus_p_value",
    "paired_interval",
    "paired_lower",
    "plain",
    "wilson",
]
