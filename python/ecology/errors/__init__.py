"""Every error that `ecology` raises, as one tree.

    EcologyError
    ├── Never                    asking again will not help; something has to change first
    │   ├── BackendError         a kind of backend is unknown, or the plug-in that supplies it cannot be used
    │   ├── InvalidPopulation    a description, with every violation and its place
    │   ├── ArtifactError        a file that a model needs is absent, unreadable or of the wrong shape
    │   │   ├── DigestMismatch   a file is not the one that its manifest names
    │   │   ├── EditedArtifact   a file is not what was written
    │   │   ├── OtherFeatures    a file was made for features of another version
    │   │   └── TruncatedArtifact   the end of a file is missing
    │   ├── MissingExtra         an optional dependency is not installed
    │   ├── RegistryError
    │   │   ├── AlreadyRegistered
    │   │   └── UnknownModel
    │   ├── OutcomesError        a table of outcomes cannot teach a router
    │   │   └── SeenInTraining   a model has outcomes on prompts that it was trained on
    │   ├── MetricsError         a metric was asked of numbers that it is not defined for
    │   ├── OffPolicyError       a log cannot say what another policy would have done
    │   ├── InvalidRequest       the request itself
    │   │   ├── EmptyInput
    │   │   ├── InputTooLarge
    │   │   ├── InvalidUtf8
    │   │   ├── InvalidDeadline
    │   │   ├── UnknownAccount
    │   │   └── UnknownTask
    │   ├── FeedbackError        feedback on an answer
    │   │   ├── AlreadyGraded
    │   │   ├── LearningOff
    │   │   └── UnknownAnswer
    │   ├── NoEligibleModel      admission excluded every model; says why for each
    │   ├── LowConfidence        nobody was sure enough, and the policy fails closed
    │   ├── AllLegsRefused       every leg that was started was refused for good
    │   ├── RunningLoop          a blocking call inside a running event loop
    │   ├── Closed               the ecology was closed
    │   └── Forked               something cannot be opened again in the child of a fork
    └── NotYet                   the same request may succeed later
        ├── BudgetExhausted      an account on the request's path cannot afford it
        ├── DeadlineExceeded     no leg finished in time
        └── AllLegsFailed        every leg that was started failed, and not all of them for good

An error holds facts as fields; the sentence is made when it is shown. It ends with what to do.

>>> EmptyInput().args
()
>>> print(InputTooLarge(input_bytes=11_000_000, limit_bytes=10_000_000))
the input has 11000000 bytes, the limit is 10000000; send less text or raise `limits.input_bytes` in the policy
"""

from __future__ import annotations

from .artifacts import (
    ArtifactError,
    BackendError,
    DigestMismatch,
    EditedArtifact,
    InvalidPopulation,
    MissingExtra,
    OtherFeatures,
    TruncatedArtifact,
)
from .base import EcologyError, Never, NotYet, Violation
from .feedback import AlreadyGraded, FeedbackError, LearningOff, UnknownAnswer
from .journey import AllLegsFailed, AllLegsRefused, BudgetExhausted, DeadlineExceeded, LowConfidence
from .outcomes import MetricsError, OffPolicyError, OutcomesError, SeenInTraining
from .registry import AlreadyRegistered, RegistryError, UnknownModel
from .requests import (
    Closed,
    EmptyInput,
    Forked,
    InputTooLarge,
    InvalidDeadline,
    InvalidRequest,
    InvalidUtf8,
    NoEligibleModel,
    RunningLoop,
    UnknownAccount,
    UnknownTask,
)

__all__ = [
    "AllLegsFailed",
    "AllLegsRefused",
    "AlreadyGraded",
    "AlreadyRegistered",
    "ArtifactError",
    "BackendError",
    "BudgetExhausted",
    "Closed",
    "DeadlineExceeded",
    "DigestMismatch",
    "EcologyError",
    "EditedArtifact",
    "EmptyInput",
    "FeedbackError",
    "Forked",
    "InputTooLarge",
    "InvalidDeadline",
    "InvalidPopulation",
    "InvalidRequest",
    "InvalidUtf8",
    "LearningOff",
    "LowConfidence",
    "MetricsError",
    "MissingExtra",
    "Never",
    "NoEligibleModel",
    "NotYet",
    "OffPolicyError",
    "OtherFeatures",
    "OutcomesError",
    "RegistryError",
    "RunningLoop",
    "SeenInTraining",
    "TruncatedArtifact",
    "UnknownAccount",
    "UnknownAnswer",
    "UnknownModel",
    "UnknownTask",
    "Violation",
]

# An error is `ecology.errors.X` wherever it is shown, pickled or told, whichever file holds it.
for _name in __all__:
    globals()[_name].__module__ = __name__
