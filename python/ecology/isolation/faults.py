"""How a leg in a process of its own can fail. The name of the class and its words are the text of the leg's fault."""

from __future__ import annotations

__all__ = [
    "BadFrame",
    "MemberRaised",
    "StillStarting",
    "WorkerBusy",
    "WorkerDied",
    "WorkerFault",
    "WorkerKilled",
    "WorkerRests",
]


class WorkerFault(Exception):
    """The base: fails one leg, never the process that asked."""


class MemberRaised(WorkerFault):
    """The member raised an exception; its process lives on."""


class WorkerDied(WorkerFault):
    """The process ended under the leg."""


class WorkerKilled(WorkerFault):
    """The leg's time was over, and the process was killed."""


class BadFrame(WorkerFault):
    """What came back is no reply, or a larger one than allowed; the process was killed."""


class StillStarting(WorkerFault):
    """The leg's time was over before the process was ready; it goes on starting."""


class WorkerBusy(WorkerFault):
    """The leg's time was over before a process was free."""


class WorkerRests(WorkerFault):
    """It ended so often that it is not started again for a while."""
