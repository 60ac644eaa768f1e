"""Feedback that teaches nothing."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Never

__all__ = ["AlreadyGraded", "FeedbackError", "LearningOff", "UnknownAnswer"]


@dataclass(eq=False)
class FeedbackError(Never):
    """Feedback was refused; nothing was learned or logged."""


@dataclass(eq=False)
class AlreadyGraded(FeedbackError):
    """The answer has its feedback: one grade each, so that a retry does not count twice."""

    answer_id: str

    def __str__(self) -> str:
        return f"the answer {self.answer_id} has its feedback; the first grade holds"


@dataclass(eq=False)
class LearningOff(FeedbackError):
    """The policy keeps no answers for feedback, or there is no learned router to teach."""

    def __str__(self) -> str:
        return (
            "nothing learns under this policy; write enabled = true under [policy.routing.learning], "
            "and name a fitted router as policy.routing.router"
        )


@dataclass(eq=False)
class UnknownAnswer(FeedbackError):
    """No answer of this id waits in this process."""

    answer_id: str

    def __str__(self) -> str:
        return (
            f"no answer {self.answer_id!r} waits for feedback in this process; give `answer.id` to the process that "
            "answered, before a restart and before `pending` (under policy.routing.learning) later answers"
        )
