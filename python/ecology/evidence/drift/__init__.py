"""Drift: whether the prompts, and what confidences mean, are still those of the reference."""

from .assessment import measure_drift
from .value import CalibrationShift, Drift, InputShift, SliceDrift

__all__ = ["CalibrationShift", "Drift", "InputShift", "SliceDrift", "measure_drift"]
