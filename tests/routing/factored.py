"""Factored routers of random weights: what serving costs and keeps does not depend on what weights say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from ecology import _core

FEATURES = json.loads(_core.default_features()) | {"buckets_log2": 8}
KINDS: list[dict[str, Any]] = [
    {"kind": "platt", "slope": 2.0, "offset": -0.5},
    {"kind": "beta", "a": 0.8, "b": 1.2, "c": 0.1},
    {"kind": "isotonic", "raw": [-0.5, 0.2, 0.4, 1.5], "probability": [0.1, 0.4, 0.4, 0.9]},
]


def parts(
    models: int, k: int = 8, groups: Sequence[int] = (3, 5), seed: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the tensors mean, and the tensors."""
    chance = np.random.default_rng(seed)
    basis = k + sum(groups)

    def numbers(*shape: int, scale: float = 0.3) -> Any:
        return (chance.normal(size=shape) * scale).astype(np.float32)

    about = {
        "features": FEATURES,
        "models": [f"m{at}@1" for at in range(models)],
        "groups": [
            {"name": f"group{at}", "members": [f"kind {n}" for n in range(size)]} for at, size in enumerate(groups)
        ],
        "calibration": [KINDS[at % len(KINDS)] for at in range(models)],
        "cost": [at % 4 != 3 for at in range(models)],
        "latency": [True] * models,
        "data": "sha256:outcomes",
        "card": json.dumps({"prompts": 7, "models": {}}),
    }
    tensors = {"projection.weights": numbers(256, k, scale=1.0), "projection.bias": numbers(k)}
    for at, size in enumerate(groups):
        tensors |= {f"group.{at}.weights": numbers(size, k), f"group.{at}.bias": numbers(size)}
    for name, level in (("heads", 0.5), ("cost", -8.0), ("latency", 4.0)):
        tensors |= {f"{name}.weights": numbers(models, basis), f"{name}.bias": numbers(models) + np.float32(level)}
    return about, tensors


def weights(models: int, **options: Any) -> _core.RouterWeights:
    """Put together by the core."""
    about, tensors = parts(models, **options)
    return _core.RouterWeights.factored(json.dumps(about), tensors)
