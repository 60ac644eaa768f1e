"""The folder that the demo leaves behind: weights, and an `ecology.toml` like any other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .tier import Tier

__all__ = ["TRAINED_ON", "write_population"]

TRAINED_ON = "train.prompts"

TASK = "intent"


def write_population(
    folder: Path,
    tiers: Sequence[Tier],
    plan: dict[str, Any],
    expected_compute_ms: dict[str, float],
    *,
    router: str | None = None,
    data_digest: str | None = None,
    file: str = "ecology.toml",
) -> Path:
    """Write the description and give its path. `plan` is a table of `policy.default_plan`; `data_digest` is the
    digest of `train.prompts`, which says what the tiers were trained on."""
    lines = [
        "# Written by `ecology demo`: a population that was trained on this machine.",
        f"name = {_inline(folder.resolve().name or 'demo')}",
        "",
    ]
    for tier in tiers:
        lines += [
            "[[models]]",
            f'name = "{tier.name}"',
            f'role = "{tier.role}"',
            f'tier = "{tier.tier}"',
            f'family = "{tier.family}"',
            f"timeout_ms = {2000 if tier.tier == 'large' else 100}",
            f"backend = {_inline(tier.backend)}",
            f"contract = {_inline({'tasks': [TASK], 'output': 'label', 'labels': list(tier.labels)})}",
            "price = { usd_per_call = 0 } # it runs here: what it costs is compute",
        ]
        if data_digest is not None:
            lines.append(f'data_digests = ["{data_digest}"]')
            lines.append(f'training_prompts = "{TRAINED_ON}"')
        if tier.name in expected_compute_ms:
            lines.append(f"expected_compute_ms = {expected_compute_ms[tier.name]:.6f} # measured")
        lines.append("")
    lines += ["[policy]", 'baseline = "large"', f'defaults = {{ task = "{TASK}" }}', f"default_plan = {_inline(plan)}"]
    if router is not None:
        confidence = plan.get("decision_confidence", 0.7)
        lines += ["", "[policy.routing]", f'router = "{router}"', f"min_decision_confidence = {confidence!r}"]
    path = folder / file
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _inline(value: Any) -> str:
    """A TOML value. JSON's strings and numbers are TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
