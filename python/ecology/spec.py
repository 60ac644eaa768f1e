"""What the core compiles: the shape of a snapshot's JSON, with a default for everything.

The one place in Python that knows this shape. `engine/compile.py` fills it from a description, `routing/router.py`
from outcomes; the core refuses any key that it does not know.

>>> spec = snapshot_spec("two", [model_spec("a@1"), model_spec("b@1", tier="large")])
>>> [model["name"] for model in spec["models"]]
['a', 'b']
"""

from __future__ import annotations

import json
from typing import Any

from . import _core

__all__ = ["model_spec", "snapshot_spec"]


def model_spec(model_id: str, **known: Any) -> dict[str, Any]:
    """One model; `known` overrides the defaults: active, accepts anything, price unknown."""
    return {
        "id": model_id,
        "name": model_id.partition("@")[0],
        "digest": "",
        "digest_kind": "declared",
        "role": "specialist",
        "tier": "medium",
        "stage": "active",
        "family": "unknown",
        "timeout_ms": 60_000,
        "fallback": None,
        "tasks": ["any"],
        "languages": ["any"],
        "modalities": ["text"],
        "data_classes": ["any"],
        "jurisdictions": ["any"],
        "max_input_bytes": 1 << 40,
        "labels": [],
        "denied_by": None,
        "privileges_missing": [],
        "price": {"known": False, "per_call": 0, "per_token_in": 0.0, "per_token_out": 0.0, "per_compute_ms": 0.0},
        "max_output_tokens": 1024,
        "expected_latency_ms": None,
        "expected_compute_ms": None,
    } | known


def snapshot_spec(name: str, models: list[dict[str, Any]], **known: Any) -> dict[str, Any]:
    """A population; `known` overrides the defaults: direct plan, cheapest objective, nothing limited."""
    return {
        "name": name,
        "features": json.loads(_core.default_features()),
        "models": models,
        "defaults": {
            "task": None,
            "language": None,
            "data_class": None,
            "jurisdiction": None,
            "deadline_ms": 30_000.0,
        },
        "max_input_bytes": 10_000_000,
        "max_events": 0,
        "routing": {
            "objective": "cheapest",
            "min_decision_confidence": 0.7,
            "cost_weight_per_usd": 0.0,
            "exploration_floor": 0.0,
            "rules": [],
        },
        "intent": None,
        "plans": {},
        "default_plan": {"kind": "direct", "max_fallbacks": 1},
        "accounts": {},
        "baseline": None,
        "log_text": "features",
    } | known
