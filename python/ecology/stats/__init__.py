"""Intervals and tests: plain functions of numbers."""

from .interval import paired_interval, wilson

__all__ = ["paired_interval", "wilson"]
