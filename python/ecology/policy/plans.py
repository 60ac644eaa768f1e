"""How a request is carried out, as values: `direct`, `cascade`, `adaptive`.

Every threshold names the confidence that it reads: a *decision* confidence comes from the prompt before any
answer, a *leg* confidence from a member's own output, an *answer* confidence after everything was seen.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..config import Config

__all__ = ["Adaptive", "Cascade", "Direct", "Plan"]

Probability = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]


class _Plan(Config):
    """What every plan may say about doubt.

    `fail` is what becomes of an answer whose confidence is below `answer_confidence`, or which does not say how sure
    it is: `expensive` lets it stand, since the plan asked the dearer model where it doubted; `closed` is the error
    `LowConfidence`; `abstain` is an answer that says that there is none.
    """

    fail: Literal["expensive", "closed", "abstain"] = "expensive"
    answer_confidence: Probability | None = None

    @model_validator(mode="after")
    def _doubts_by_a_number(self) -> Self:
        if self.fail == "expensive" and self.answer_confidence is not None:
            raise ValueError('answer_confidence has no effect; write fail = "closed" or "abstain" beside it')
        if self.fail != "expensive" and self.answer_confidence is None:
            raise ValueError(f'fail = "{self.fail}" needs to know below what; write answer_confidence = 0.8')
        return self


class Direct(_Plan):
    """The best eligible model, or the one that is named; on failure the next in rank, at most `max_fallbacks` times."""

    kind: Literal["direct"] = "direct"
    model: str | None = None
    max_fallbacks: Annotated[int, Field(ge=0, le=8)] = 1


class Cascade(_Plan):
    """`first` answers; below `leg_confidence` the request goes on to `then`.

    Without names, the cheapest eligible model is first and the best-ranked dearer one is second. With `combine =
    "average"` the answer after an escalation is the label that has the largest mean probability, weighted by `weights`
    (first, then), where both say what they think of every label (linear and onnx classifiers do); otherwise, and by
    default, it is the second reply.
    """

    kind: Literal["cascade"] = "cascade"
    first: str | None = None
    then: str | None = None
    leg_confidence: Probability
    combine: Literal["last", "average"] = "last"
    weights: tuple[Weight, Weight] = (1.0, 1.0)

    @model_validator(mode="after")
    def _weighs_something(self) -> Self:
        if not any(self.weights):
            raise ValueError("weights are both 0, so nobody has a vote; write weights = [1, 1]")
        if self.combine == "last" and "weights" in self.model_fields_set and self.weights != (1.0, 1.0):
            raise ValueError('weights have no effect; write combine = "average" beside them')
        return self


class Adaptive(_Plan):
    """At `decision_confidence` or above the best model runs alone.

    Below it the top `coalition` run in parallel, and the reply with the highest leg confidence is taken.
    """

    kind: Literal["adaptive"] = "adaptive"
    decision_confidence: Probability
    coalition: Annotated[int, Field(ge=2, le=8)] = 2
    max_fallbacks: Annotated[int, Field(ge=0, le=8)] = 1


Plan = Annotated[Direct | Cascade | Adaptive, Field(discriminator="kind")]
