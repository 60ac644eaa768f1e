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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

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


def _rebuild(cls: type[EcologyError], facts: dict[str, Any]) -> EcologyError:
    return cls(**facts)


@dataclass(eq=False)
class EcologyError(Exception):
    """The root: `except EcologyError` catches all that the package raises on purpose."""

    def facts(self) -> dict[str, Any]:
        """The fields, as a dictionary; what `--json` prints."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.facts())

    def __str__(self) -> str:
        return type(self).__name__


@dataclass(eq=False)
class Never(EcologyError):
    """Asking again unchanged will fail again."""


@dataclass(eq=False)
class NotYet(EcologyError):
    """The same request may succeed later; `retry_after_ms` says when, if that is known."""

    retry_after_ms: int | None = field(default=None, kw_only=True)


# --- descriptions and artefacts ---------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Violation:
    """One thing wrong in a description: where, what, and what to write instead."""

    place: str
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" + (f" ({self.fix})" if self.fix else "")


@dataclass(eq=False)
class InvalidPopulation(Never):
    """A description that cannot be compiled; `violations` has all of them, in the order of the file."""

    source: str
    violations: Sequence[Violation]

    def __str__(self) -> str:
        n = len(self.violations)
        lines = "".join(f"\n  {v}" for v in self.violations)
        return f"{self.source}: {n} violation{'s' * (n != 1)}{lines}"


@dataclass(eq=False)
class ArtifactError(Never):
    """A file that a model, router or encoder needs cannot be used."""

    path: str
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


@dataclass(eq=False)
class DigestMismatch(ArtifactError):
    """The file's content is not what the manifest declares."""

    problem: str = field(default="its content is not the one that the manifest names", kw_only=True)
    expected: str = ""
    actual: str = ""

    def __str__(self) -> str:
        return (
            f"{self.path}: the digest is {self.actual}, the manifest says {self.expected}; "
            "restore the file, or register it as a new version"
        )


@dataclass(eq=False)
class EditedArtifact(ArtifactError):
    """The file was changed after it was written; both fields are SHA-256 of its content."""

    problem: str = field(default="its content was changed after it was written", kw_only=True)
    fix: str = field(default="restore the file, or train it again", kw_only=True)
    expected: str = ""
    actual: str = ""


@dataclass(eq=False)
class OtherFeatures(ArtifactError):
    """The file was made for features that this release does not extract; its weights would mean nothing."""

    problem: str = field(default="", kw_only=True)
    fix: str = field(default="", kw_only=True)
    found_version: int = 0
    known_version: int = 0

    def __str__(self) -> str:
        return (
            f"{self.path}: its features are of version {self.found_version}, this release extracts version "
            f"{self.known_version}; install the release that wrote it, or train it again"
        )


@dataclass(eq=False)
class TruncatedArtifact(ArtifactError):
    """The end of the file is missing, as after a copy that was cut off; `expected_bytes` is the least that it should
    have."""

    problem: str = field(default="", kw_only=True)
    fix: str = field(default="", kw_only=True)
    found_bytes: int = 0
    expected_bytes: int = 0

    def __str__(self) -> str:
        return (
            f"{self.path}: it ends after {self.found_bytes} bytes of {self.expected_bytes}; "
            "copy it again whole: restore the file, or train it again"
        )


@dataclass(eq=False)
class BackendError(Never):
    """A kind of backend that nobody supplies, or a plug-in that cannot be used as one."""

    kind: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f'backend "{self.kind}": {self.problem}; {self.fix}'


@dataclass(eq=False)
class MissingExtra(Never):
    """An optional dependency is needed for this and is not installed."""

    extra: str
    needs: str
    install: str = ""

    def __str__(self) -> str:
        install = self.install or f'pip install "ecology[{self.extra}]"'
        return f"{self.needs} is not installed; run: {install}"


# --- registry and outcomes --------------------------------------------------------------------------------


@dataclass(eq=False)
class RegistryError(Never):
    """The registry refused; nothing was written."""


@dataclass(eq=False)
class AlreadyRegistered(RegistryError):
    """A version exists already with other content; versions never change."""

    model: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.model} is registered already with digest {self.digest}; give the change a new version"


@dataclass(eq=False)
class UnknownModel(RegistryError):
    """No such model; `known` lists what there is."""

    model: str
    known: Sequence[str] = ()

    def __str__(self) -> str:
        from difflib import get_close_matches  # here, since most processes never show this

        bare = {known.partition("@")[0]: known for known in self.known} | {known: known for known in self.known}
        near = get_close_matches(self.model, bare, n=1)
        meant = f"did you mean {bare[near[0]]}? " if near else ""
        return f"no model {self.model!r}; {meant}known: {', '.join(self.known) or 'none'}"


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


# --- requests ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class InvalidRequest(Never):
    """The request itself is wrong; `problem` says how."""

    problem: str = ""

    def __str__(self) -> str:
        return self.problem


@dataclass(eq=False)
class EmptyInput(InvalidRequest):
    """Nothing to answer."""

    problem: str = field(default="the input is empty; send some text", kw_only=True)


@dataclass(eq=False)
class InputTooLarge(InvalidRequest):
    """The input passes the policy's bound."""

    problem: str = field(default="", kw_only=True)
    input_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        return (
            f"the input has {self.input_bytes} bytes, the limit is {self.limit_bytes}; "
            "send less text or raise `limits.input_bytes` in the policy"
        )


@dataclass(eq=False)
class InvalidUtf8(InvalidRequest):
    """The input is not valid Unicode text."""

    problem: str = field(default="", kw_only=True)
    position: int

    def __str__(self) -> str:
        return (
            f"the input is not valid UTF-8 at position {self.position}; "
            "decode it first, for example with errors='replace'"
        )


@dataclass(eq=False)
class InvalidDeadline(InvalidRequest):
    """A deadline must lie in the future."""

    problem: str = field(default="", kw_only=True)
    deadline_ms: float

    def __str__(self) -> str:
        return f"deadline_ms is {self.deadline_ms}; give a number above 0"


@dataclass(eq=False)
class UnknownTask(InvalidRequest):
    """No model accepts this task."""

    problem: str = field(default="", kw_only=True)
    task: str
    known: Sequence[str]

    def __str__(self) -> str:
        known = ", ".join(self.known)
        advice = f"ask for one of: {known}" if known else "leave the task out"
        return f"no model accepts the task {self.task!r}; {advice}"


@dataclass(eq=False)
class UnknownAccount(InvalidRequest):
    """Accounts are declared, and this one has another root."""

    problem: str = field(default="", kw_only=True)
    account: str
    known: Sequence[str]

    def __str__(self) -> str:
        return (
            f"the account {self.account!r} has another root than those declared: {', '.join(self.known)}; "
            "name one of these or one below, or add it under [policy.budgets]"
        )


@dataclass(eq=False)
class NoEligibleModel(Never):
    """Admission excluded every model; `reasons` maps each model to the names of the clauses it fails."""

    reasons: Mapping[str, Sequence[str]]

    def __str__(self) -> str:
        lines = "".join(f"\n  {model}: {', '.join(why)}" for model, why in self.reasons.items())
        fix = "loosen the request, the policy or a contract"
        if self.reasons and all(any(each.startswith("not_asked") for each in why) for why in self.reasons.values()):
            fix = f"ask for one of: {', '.join(self.reasons)}"
        return f"no model may serve this request:{lines}\n{fix}"


@dataclass(eq=False)
class RunningLoop(Never):
    """A blocking call was made on a thread that runs an event loop."""

    call: str = "answer"

    def __str__(self) -> str:
        return f"{self.call}() would block the running event loop; use `await a{self.call}(…)` here"


@dataclass(eq=False)
class Closed(Never):
    """The ecology was closed."""

    def __str__(self) -> str:
        return "this ecology is closed; open it again with Ecology.open(…)"


@dataclass(eq=False)
class Forked(Never):
    """A forked child opens for itself what does not survive a fork, and something cannot be opened again."""

    source: str = ""
    violations: Sequence[Violation] = ()

    def __str__(self) -> str:
        lines = "".join(f"\n  {v}" for v in self.violations)
        return (
            f"{self.source}: it was opened before a fork and cannot be opened again in this process:"
            f"{lines}\nrestore these, or call Ecology.open(…) after the fork, in each worker"
        )


# --- feedback ---------------------------------------------------------------------------------------------


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


# --- carrying out -----------------------------------------------------------------------------------------


@dataclass(eq=False)
class BudgetExhausted(NotYet):
    """An account on the request's path cannot hold the reservation. Amounts are in the resource's unit."""

    account: str
    resource: str
    limit: int
    held: int
    needed: int

    def __str__(self) -> str:
        amounts = (self.needed, self.held, self.limit)
        (needed, unit), (held, _), (limit, _) = (_amount(self.resource, each) for each in amounts)
        whose = "the request's own budget" if self.account == "request" else f"account {self.account!r}"
        return (
            f"{whose} cannot afford {needed}{unit}: "
            f"{held} of {limit} are spent or reserved; raise the limit or ask for less"
        )


@dataclass(eq=False)
class DeadlineExceeded(NotYet):
    """No leg finished before the deadline; `legs` describes those that were started."""

    deadline_ms: float
    legs: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        tried = ", ".join(str(leg.get("model")) for leg in self.legs) or "none"
        return (
            f"no answer within {self.deadline_ms:g} ms (started: {tried}); allow more time or route to a faster model"
        )


@dataclass(eq=False)
class AllLegsFailed(NotYet):
    """Every leg that was started failed; `legs` has each with its outcome and the text of its fault.

    `retry_after_ms` is the soonest that one of their servers named.
    """

    legs: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        if self.retry_after_ms is None:
            told = [leg["retry_after_ms"] for leg in self.legs if leg.get("retry_after_ms") is not None]
            self.retry_after_ms = min(told, default=None)

    def __str__(self) -> str:
        return f"every leg failed:{_told(self.legs)}\nmend these models, or give them a fallback that answers"


@dataclass(eq=False)
class AllLegsRefused(Never):
    """Every leg was refused: a key that is wrong, a model that is not there, content that is not served.

    `legs` has each with its outcome and what its server said.
    """

    legs: Sequence[Mapping[str, Any]]

    def __str__(self) -> str:
        told = _told(self.legs)
        return f"every leg was refused:{told}\ncorrect these models, or the request; asking again will not help"


@dataclass(eq=False)
class LowConfidence(Never):
    """There is a reply, and nobody is sure enough of it: the plan of the task says `fail = "closed"`.

    `confidence` is the answer confidence that was reached, None when nobody stated one; `legs` has the replies.
    """

    confidence: float | None
    needed: float | None
    task: str | None = None
    legs: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        reached = "no confidence" if self.confidence is None else f"a confidence of {self.confidence:.3f}"
        asked = "" if self.needed is None else f", {self.needed:g} is asked for"
        whose = "" if self.task is None else f" for the task {self.task!r}"
        return (
            f"the answer has {reached}{asked}{whose}; ask a person, or change `answer_confidence` or `fail` of the plan"
        )


def _told(legs: Sequence[Mapping[str, Any]]) -> str:
    told = (f"{leg['model']}: {leg['outcome']}" + (f": {leg['fault']}" if leg.get("fault") else "") for leg in legs)
    return "".join(f"\n  {line}" for line in told)


# --- words ------------------------------------------------------------------------------------------------


def _amount(resource: str, amount: int) -> tuple[str, str]:
    """An amount as a person writes it, and its unit."""
    match resource:
        case "nano_usd":
            return f"${amount / 1e9:.9f}".rstrip("0").rstrip("."), ""
        case "compute_us":
            return f"{amount / 1e3:.10g}", " ms of compute"
        case "tokens_in":
            return str(amount), " input tokens"
        case "tokens_out":
            return str(amount), " output tokens"
    return str(amount), f" {resource}"
