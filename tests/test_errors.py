"""The tree of errors is the one that is drawn; every error keeps its facts and says what to do."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
from typing import Any

import pytest

from ecology import errors
from ecology.errors import EcologyError, Never, NotYet, Violation

LEG = {"model": "a@1", "outcome": "failed", "fault": "ValueError: no"}
DENIED = {"model": "c@1", "outcome": "refused", "fault": "status 404 (model_not_found)"}
LATE = {"model": "b@1", "outcome": "timed_out", "fault": None}

# Facts of one example of every class, and the end of its sentence: what to do.
EXAMPLES: dict[str, tuple[dict[str, Any], str]] = {
    "InvalidPopulation": (
        {"source": "a.toml", "violations": [Violation("models.0.timeout_ms", "it is missing", "write one")]},
        "(write one)",
    ),
    "ArtifactError": ({"path": "a.onnx", "problem": "it cannot be read", "fix": "restore it"}, "; restore it"),
    "DigestMismatch": (
        {"path": "a.onnx", "expected": "sha256:aa", "actual": "sha256:bb"},
        "restore the file, or register it as a new version",
    ),
    "EditedArtifact": ({"path": "r", "expected": "sha256:aa", "actual": "sha256:bb"}, "or train it again"),
    "OtherFeatures": ({"path": "r", "found_version": 9, "known_version": 1}, "or train it again"),
    "TruncatedArtifact": ({"path": "r", "found_bytes": 7, "expected_bytes": 8}, "or train it again"),
    "BackendError": (
        {"kind": "lineer", "problem": "there is no such kind", "fix": "did you mean linear?"},
        "; did you mean linear?",
    ),
    "MissingExtra": ({"extra": "embeddings", "needs": "onnx"}, 'run: pip install "ecology[embeddings]"'),
    "AlreadyRegistered": ({"model": "a@1", "digest": "sha256:aa"}, "give the change a new version"),
    "UnknownModel": ({"model": "smal", "known": ["small@1", "large@2"]}, "small@1? known: small@1, large@2"),
    "OutcomesError": ({"violations": [Violation("row 1.score", "2 is too much", "scale scores")]}, "(scale scores)"),
    "SeenInTraining": (
        {"counts": {"a@1": 2, "b@1": 1}, "examples": {"a@1": ["Where is my card?"]}},
        "or name in `fold` the fold that the model was not trained on",
    ),
    "MetricsError": ({"violations": [Violation("gain", "it is empty", "give one row or more")]}, "one row or more)"),
    "OffPolicyError": ({"violations": [Violation("propensity", "3 are missing", "log them")]}, "(log them)"),
    "InvalidRequest": ({"problem": "a Request holds its constraints; give none beside it"}, "give none beside it"),
    "EmptyInput": ({}, "send some text"),
    "InputTooLarge": ({"input_bytes": 11, "limit_bytes": 10}, "or raise `limits.input_bytes` in the policy"),
    "InvalidUtf8": ({"position": 3}, "for example with errors='replace'"),
    "Forked": ({}, "in each worker"),
    "UnknownAccount": ({"account": "acmee", "known": ["acme/web"]}, "or add it under [policy.budgets]"),
    "InvalidDeadline": ({"deadline_ms": -1.0}, "give a number above 0"),
    "UnknownTask": ({"task": "sport", "known": ["support", "sales"]}, "ask for one of: support, sales"),
    "NoEligibleModel": ({"reasons": {"a@1": ["task: accepts x"]}}, "loosen the request, the policy or a contract"),
    "AlreadyGraded": ({"answer_id": "00ff"}, "the first grade holds"),
    "LearningOff": ({}, "name a fitted router as policy.routing.router"),
    "UnknownAnswer": ({"answer_id": "00ff"}, "later answers"),
    "RunningLoop": ({}, "use `await aanswer(…)` here"),
    "Closed": ({}, "open it again with Ecology.open(…)"),
    "BudgetExhausted": (
        {"account": "org/team", "resource": "nano_usd", "limit": 10, "held": 8, "needed": 5},
        "raise the limit or ask for less",
    ),
    "DeadlineExceeded": ({"deadline_ms": 100.0, "legs": [LATE]}, "allow more time or route to a faster model"),
    "AllLegsFailed": ({"legs": [LEG, LATE]}, "mend these models, or give them a fallback that answers"),
    "LowConfidence": ({"confidence": 0.5, "needed": 0.9}, "or change `answer_confidence` or `fail` of the plan"),
    "AllLegsRefused": ({"legs": [DENIED]}, "asking again will not help"),
}  # fmt: skip

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, EcologyError) and value.__module__ == errors.__name__
}
ABSTRACT = {"EcologyError", "Never", "NotYet", "RegistryError", "FeedbackError"}


def made(name: str) -> EcologyError:
    return CLASSES[name](**EXAMPLES[name][0])


def test_the_drawing_at_the_head_of_the_module_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        found = re.match(r"^(?P<lead>[\s│├└─]*)(?P<name>[A-Z]\w+)(?:\s{2,}|$)", line)
        if found is None:
            continue
        depth, name = len(found["lead"]), found["name"]
        while parents and parents[-1][0] >= depth:
            parents.pop()
        if parents:
            drawn[name] = parents[-1][1]
        parents.append((depth, name))
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items() if name != "EcologyError"}


def test_every_class_is_public_and_has_an_example() -> None:
    assert set(errors.__all__) == set(CLASSES) | {"Violation"}
    assert errors.__all__ == sorted(errors.__all__)
    assert set(EXAMPLES) == set(CLASSES) - ABSTRACT
    assert all(kind.__doc__ for kind in CLASSES.values())


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_sentence_ends_with_what_to_do(name: str) -> None:
    text = str(made(name))
    assert text.endswith(EXAMPLES[name][1])
    assert "None" not in text
    assert text.isprintable() or "\n" in text


@pytest.mark.parametrize("name", EXAMPLES)
def test_facts_survive_copies_and_pickles(name: str) -> None:
    error = made(name)
    facts = EXAMPLES[name][0]
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert again.facts() == error.facts()
        assert str(again) == str(error)
    assert facts.items() <= error.facts().items()
    assert all(getattr(error, fact) == value for fact, value in facts.items())
    json.dumps(error.facts(), default=str)


@pytest.mark.parametrize("name", EXAMPLES)
def test_never_and_not_yet_are_different_classes(name: str) -> None:
    error = made(name)
    assert isinstance(error, Never) != isinstance(error, NotYet)
    assert isinstance(error, EcologyError)
    if isinstance(error, NotYet):
        assert error.retry_after_ms is None
        assert CLASSES[name](**EXAMPLES[name][0], retry_after_ms=250).facts()["retry_after_ms"] == 250


def test_an_error_is_raised_and_caught_like_any_other() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        raise errors.EmptyInput
    assert caught.value.facts() == {"problem": "the input is empty; send some text"}
    assert errors.EmptyInput() != errors.EmptyInput(), "errors are told apart by identity"
    assert len({errors.EmptyInput(), errors.EmptyInput()}) == 2


def test_where_nothing_is_known_nothing_is_made_up() -> None:
    assert str(errors.UnknownModel("a")).endswith("known: none")
    assert str(errors.UnknownTask(task="a", known=())).endswith("leave the task out")
    assert "started: none" in str(errors.DeadlineExceeded(5.0))
    assert "did you mean small@1?" in str(errors.UnknownModel("smal", ["small@1", "large@2"]))
    assert "ValueError: no" in str(errors.AllLegsFailed([LEG])) and "b@1: timed_out\n" in str(
        errors.AllLegsFailed([LATE])
    )


def test_amounts_are_told_as_a_person_writes_them() -> None:
    def told(resource: str, needed: int, account: str = "web") -> str:
        return str(errors.BudgetExhausted(account, resource, limit=4_000_000, held=3_179_600, needed=needed))

    assert "account 'web' cannot afford $0.000921: $0.0031796 of $0.004 are" in told("nano_usd", 921_000)
    assert "the request's own budget cannot afford $0.000000001:" in told("nano_usd", 1, "request")
    assert "cannot afford $10: " in told("nano_usd", 10_000_000_000)
    assert "cannot afford 1.5 ms of compute: 3179.6 of 4000 are" in told("compute_us", 1500)
    assert "cannot afford 12 output tokens: 3179600 of 4000000 are" in told("tokens_out", 12)


def test_the_first_model_that_will_be_back_says_when_to_come_again() -> None:
    legs = [LEG | {"retry_after_ms": after} for after in (None, 3000, 1000)]
    assert errors.AllLegsFailed(legs).retry_after_ms == 1000
    assert errors.AllLegsFailed(legs[:1]).retry_after_ms is None
    assert errors.AllLegsFailed(legs, retry_after_ms=5).retry_after_ms == 5


def test_who_asks_for_a_model_that_is_not_there_is_told_which_are() -> None:
    reasons = {"a@1": ["not_asked: the request asks for c"], "b@1": ["stage: it is archived", "not_asked: …"]}
    assert str(errors.NoEligibleModel(reasons)).endswith("\nask for one of: a@1, b@1")
    assert "ask for one" not in str(errors.NoEligibleModel(reasons | {"c@1": ["stage: it is archived"]}))


def test_violations_are_told_all_in_order() -> None:
    two = [Violation("b", "it is missing", "write b = 1"), Violation("a", "is wrong")]
    assert (
        str(errors.InvalidPopulation("x.toml", two))
        == "x.toml: 2 violations\n  b: it is missing (write b = 1)\n  a: is wrong"
    )
    assert "1 violation\n" in str(errors.InvalidPopulation("x.toml", two[:1]))
    assert sorted(two) == two[::-1]
