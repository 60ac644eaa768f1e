"""Descriptions that the benches open, as TOML."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["callables", "inline", "sixteen"]


def sixteen(models: Sequence[str]) -> str:
    """As many callable models as there are names, a learned router, contracts, and a path of two accounts."""
    contract = 'contract = { tasks = ["assist"] }'
    tables = [_model(name, "callable", "builtins:str", contract, "price = { usd_per_call = 0.001 }") for name in models]
    budgets = ["[policy.budgets]", '"acme" = { usd = 1_000_000 }', '"acme/web" = { usd = 100_000 }']
    return "\n".join([*tables, *budgets, "[policy.routing]", 'router = "router.safetensors"'])


def inline(path: str) -> str:
    """One linear member, direct."""
    return "\n".join([_model("small", "linear", path), "[policy]", 'default_plan = { kind = "direct" }'])


def callables(*functions: str, plan: str) -> str:
    """Sync functions of `models.py`, under a plan."""
    return "\n".join([*(_model(f, "callable", f"models:{f}") for f in functions), "[policy]", f"default_plan = {plan}"])


def _model(name: str, kind: str, what: str, *more: str) -> str:
    key = "path" if kind == "linear" else "target"
    backend = f'backend = {{ kind = "{kind}", {key} = "{what}" }}'
    return "\n".join(["[[models]]", f'name = "{name}"', "timeout_ms = 1000", backend, *more, ""])
