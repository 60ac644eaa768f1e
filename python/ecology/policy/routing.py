"""How models are ranked: the objective, exploration, and the typed rules that serve while there are no outcomes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..config import Config

__all__ = ["Routing", "Rule"]

Probability = Annotated[float, Field(ge=0, le=1)]


class Rule(Config):
    """When every stated condition holds, models of the tier (or the one model) in `prefer` rank first.

    `complexity` and `depth` are the core's signals in [0, 1]; `steps` counts instructions that the prompt asks for.
    """

    name: Annotated[str, Field(min_length=1)]
    prefer: Annotated[str, Field(min_length=1)]
    min_complexity: Probability | None = None
    max_complexity: Probability | None = None
    min_depth: Probability | None = None
    min_words: Annotated[int, Field(ge=0)] | None = None
    min_steps: Annotated[int, Field(ge=1)] | None = None
    task_type: str | None = None
    code: bool | None = None
    maths: bool | None = None
    tools: bool | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Rule:
        conditions = self.model_dump(exclude={"name", "prefer"}, exclude_none=True)
        if not conditions:
            raise ValueError("a rule needs a condition, for example min_complexity = 0.6")
        return self


class Routing(Config):
    """`cheapest`: the cheapest model whose decision confidence reaches `min_decision_confidence`, else the most
    confident. `utility`: the highest `confidence − cost_weight · usd`."""

    objective: Literal["cheapest", "utility"] = "cheapest"
    min_decision_confidence: Probability = 0.7
    cost_weight_per_usd: Annotated[float, Field(ge=0)] = 0.0
    exploration_floor: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    router: str | None = None
    rules: tuple[Rule, ...] = ()
