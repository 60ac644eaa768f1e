"""How models are ranked: the objective, exploration, and typed rules that serve while there are no outcomes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..config import Config

__all__ = ["Intent", "Routing", "Rule", "TaskType"]

TaskType = Literal[
    "code",
    "maths",
    "reasoning",
    "extraction",
    "classification",
    "summarization",
    "translation",
    "creative",
    "tool_use",
    "question",
    "chat",
]
"""What the core reads a prompt as; equal to `TaskType` in `rust/core/src/text/task.rs` (held by a test)."""

Probability = Annotated[float, Field(ge=0, le=1)]


class Rule(Config):
    """When every stated condition holds, models of the tier (or the one model) in `prefer` rank first.

    `complexity` and `depth` are the core's signals in [0, 1]; `steps` counts instructions that the prompt gives.

    >>> Rule(name="sums", prefer="calculator", maths=True).prefer
    'calculator'
    """

    name: Annotated[str, Field(min_length=1)]
    prefer: Annotated[str, Field(min_length=1)]
    min_complexity: Probability | None = None
    max_complexity: Probability | None = None
    min_depth: Probability | None = None
    min_words: Annotated[int, Field(ge=0)] | None = None
    min_steps: Annotated[int, Field(ge=1)] | None = None
    task_type: TaskType | None = None
    code: bool | None = None
    maths: bool | None = None
    tools: bool | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        conditions = self.model_dump(exclude={"name", "prefer"}, exclude_none=True)
        if not conditions:
            raise ValueError("a rule needs a condition; write one, for example min_complexity = 0.6")
        return self

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        low, high = self.min_complexity, self.max_complexity
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"min_complexity {low:g} is above max_complexity {high:g}, so the rule never holds; swap them"
            )
        return self


class Intent(Config):
    """What infers the task of a request that states none, before `defaults.task` applies.

    `model` names a model of role intent. A task is believed at `min_confidence` (a calibrated probability) or more,
    else the model abstains. Left out, it is what the fit solved (see `ecology intent fit`).
    """

    model: Annotated[str, Field(min_length=1)]
    min_confidence: Probability | None = None


class Routing(Config):
    """What to rank by.

    `cheapest`: the cheapest model whose decision confidence reaches `min_decision_confidence`, else the most
    confident. `utility`: the highest `confidence − cost_weight_per_usd · usd`. `router` names a model of role
    router, or the file of a fitted one; without it, or while that model is not active, the rules decide. `intent`
    names the model that infers a task which a request does not state.
    """

    objective: Literal["cheapest", "utility"] = "cheapest"
    min_decision_confidence: Probability = 0.7
    cost_weight_per_usd: Annotated[float, Field(ge=0)] = 0.0
    exploration_floor: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    router: str | None = None
    intent: Intent | None = None
    rules: tuple[Rule, ...] = ()
