"""Tables and numbers that nothing can be learned from or measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .base import Never, Violation

__all__ = ["MetricsError", "OffPolicyError", "OutcomesError", "SeenInTraining"]


@dataclass(eq=False)
class OutcomesError(Never):
    """Outcomes that cannot teach a router; `violations` has all reasons."""

    violations: Sequence[Violation]

    def __str__(self) -> str:
        return "the outcomes cannot be used:" + "".join(f"\n  {v}" for v in self.violations)


@dataclass(eq=False)
class SeenInTraining(OutcomesError):
    """Models have outcomes on prompts that they were trained on: `counts` rows of each, `examples` of the prompts."""

    violations: Sequence[Violation] = field(default=(), kw_only=True)
    counts: Mapping[str, int] = field(kw_only=True)
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict, kw_only=True)

    def __str__(self) -> str:
        lines = ""
        for model, count in self.counts.items():
            shown = ", ".join(
                repr(prompt if len(prompt) <= 60 else prompt[:59] + "…") for prompt in self.examples.get(model, ())
            )
            lines += f"\n  {model}: {count} row{'s' * (count != 1)}" + (f", such as {shown}" if shown else "")
        return (
            f"models have outcomes on prompts that they were trained on:{lines}\nleave these rows out, "
            "or name in `fold` the fold that the model was not trained on"
        )


@dataclass(eq=False)
class MetricsError(Never):
    """Numbers that cannot be measured; `violations` has all reasons."""

    violations: Sequence[Violation]

    def __str__(self) -> str:
        return "this cannot be measured:" + "".join(f"\n  {v}" for v in self.violations)


@dataclass(eq=False)
class OffPolicyError(Never):
    """A log of decisions that cannot say what another policy would have done; `violations` has all reasons."""

    violations: Sequence[Violation]

    def __str__(self) -> str:
        return "the log cannot say what this policy would have done:" + "".join(f"\n  {v}" for v in self.violations)
