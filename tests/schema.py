"""The one schema of what is made per request: `Answer`, `Decision` and events, as a table from key to type."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["ANSWER", "ATTRIBUTION", "DECISION", "INFERRED", "check"]

NUMBER = (float, int)
NONE = type(None)

RANKED = {
    "model": str,
    "confidence": float,
    "expected_cost_usd": float,
    "expected_latency_ms": (float, NONE),
    "not_chosen": (str, NONE),
}
INFERRED = {
    "model": str,
    "task": (str, NONE),
    "likeliest": str,
    "confidence": float,
    "abstained": (str, NONE),
}
DECISION = {
    "model": str,
    "confidence": float,
    "calibrated": bool,
    "rule": (str, NONE),
    "router_digest": (str, NONE),
    "task_inferred": (dict, NONE),
    "propensity": float,
    "explored": bool,
    "ranked": [RANKED],
    "excluded": dict,
}
LEG = {
    "model": str,
    "digest": str,
    "digest_kind": str,
    "role": str,
    "tier": str,
    "why": str,
    "outcome": str,
    "chosen": bool,
    "confidence": (float, NONE),
    "output": (str, dict, list, float, int, bool, NONE),
    "fault": (str, NONE),
    "retry_after_ms": (int, NONE),
    "finish_reason": (str, NONE),
    "started_ms": float,
    "latency_ms": float,
    "compute_ms": float,
    "tokens_in": int,
    "tokens_out": int,
    "cost_usd": float,
}
ATTRIBUTION = {
    "answer_id": str,
    "snapshot": {"name": str, "generation": int, "digest": str},
    "task": (str, NONE),
    "account": str,
    "plan": str,
    "ending": str,
    "model": (str, NONE),
    "confidence": (float, NONE),
    "combined": (dict, NONE),
    "withheld": (str, NONE),
    "cost_usd": float,
    "compute_ms": float,
    "overhead_ms": float,
    "latency_ms": float,
    "seed": int,
    "decision": DECISION,
    "legs": [LEG],
}
ANSWER = {"output": object, "confidence": (float, NONE), "attribution": ATTRIBUTION}


def check(value: Any, schema: Any, place: str = "") -> None:
    """Every key of the schema is there and no other, and each value has its type. `bool` is no `int` here."""
    if isinstance(schema, dict):
        assert isinstance(value, dict), f"{place}: {value!r}"
        assert set(value) == set(schema), f"{place}: {set(value) ^ set(schema)}"
        for key, inner in schema.items():
            check(value[key], inner, f"{place}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list), f"{place}: {value!r}"
        for at, item in enumerate(value):
            check(item, schema[0], f"{place}.{at}")
    else:
        kinds = schema if isinstance(schema, tuple) else (schema,)
        right = isinstance(value, kinds) and (bool in kinds or object in kinds or not isinstance(value, bool))
        assert right, f"{place}: {value!r} is no {schema}"


def same_as_json(value: Any) -> None:
    """It survives JSON unchanged, without NaN."""
    assert json.loads(json.dumps(value, allow_nan=False)) == value
