"""What the figures were taken on, and how busy it was."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["describe"]

PACKAGES = (
    "ecology",
    "aiohttp",
    "fasttext-wheel",
    "httpx",
    "numpy",
    "openai",
    "orjson",
    "scikit-learn",
    "uvloop",
)


def describe() -> dict[str, Any]:
    """Machine, versions and load now. `load` above the number of cores means that others were at work too."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
        "load": [round(load, 2) for load in os.getloadavg()],
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
