"""How models are ranked: the objective, exploration, and typed rules that serve while there are no outcomes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..config import Config
from .objective import Cheapest, Objective

__all__ = ["Intent", "Learning", "Risk", "Routing", "Rule", "TaskType"]

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

Risk = Literal["low", "medium", "high"]
"""What it would cost if the answer were wrong, from the least; equal to `Risk` in `rust/core/src/snapshot/spec.rs`."""

LEARNING_FLOOR = 0.02
"""The exploration floor where learning is on and none is stated: one answer in fifty for the least liked of models."""

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


class Learning(Config):
    """How a router learns from `Ecology.feedback` while it serves; see docs/learning.md.

    Off, no answer is kept for feedback. On, the last `pending` answers wait for a score in [0, 1]; every
    `publish_every` scores that the router can learn from make a new generation. `prior` counts like so many
    observations that say "as it was fitted". `state` is the file that `Ecology.save_learned` writes and that learning
    goes on from.

    Memory: for each answer that waits about 0.5 kB, 4 bytes for each number of the router's context and 32 for each of
    the first 32 models in rank; for each model that got feedback 8 bytes times the square of the context's length.
    """

    enabled: bool = False
    publish_every: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    pending: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    prior: Annotated[float, Field(ge=1e-3, le=1e6)] = 20.0
    state: Annotated[str, Field(min_length=1)] | None = None


class Routing(Config):
    """What to rank by.

    `objective` is a goal that `ecology fit` solves (`objective.py`), or `cheapest`: the cheapest model whose decision
    confidence reaches `min_decision_confidence`, else the most confident. A goal that is not solved yet is served the
    same way. What is typed beside a goal overrides what was solved. `utility` ranks by `confidence −
    cost_weight_per_usd · usd`. `router` names a model of role router, or the file of a fitted one; without it, or
    while that model is not active, the rules decide. `intent` names the model that infers a task which a request does
    not state.

    `exploration_floor` is the least chance of every eligible model, so that a router goes on learning about those it
    seldom picks: of n eligible models each is picked at random with this chance, which costs n times it of all
    requests. It is 0.02 where learning is on and 0 where it is off; from 1/n on, nothing is left to the router. A
    request whose risk is above `explore_up_to_risk` is never explored on, nor is one that a cascade carries out.
    """

    objective: Objective = Cheapest()
    min_decision_confidence: Probability = 0.7
    cost_weight_per_usd: Annotated[float, Field(ge=0)] = 0.0
    exploration_floor: Annotated[float, Field(ge=0, le=0.5)] | None = None
    explore_up_to_risk: Risk | Literal["none"] = "low"
    learning: Learning = Learning()
    router: str | None = None
    intent: Intent | None = None
    rules: tuple[Rule, ...] = ()

    @property
    def floor(self) -> float:
        """The exploration floor that holds: the stated one, else what learning asks for."""
        if self.exploration_floor is not None:
            return self.exploration_floor
        return LEARNING_FLOOR if self.learning.enabled else 0.0
