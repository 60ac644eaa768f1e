"""Checks of what comes back: types, the same again, odd inputs, many threads, many loops."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..ecology import Ecology
from ..errors import AllLegsFailed, EcologyError, InvalidRequest, NoEligibleModel
from .child import in_child
from .subject import Failed, Skipped, Subject, form

__all__ = ["deterministic", "errors", "loops", "replies", "threads"]

THREADS = 8
ROUNDS = 5
LIMIT_S = 60.0


def replies(subject: Subject) -> None:
    """Every input gets a reply: text, JSON or an array, with a confidence in [0, 1] if there is one."""
    with subject.serve() as ecology:
        for data in subject.inputs:
            try:
                subject.ask(ecology, data)
            except EcologyError as error:
                raise Failed(
                    f"{_shown(data)}: {_why(error)}; return text, JSON, an array of finite numbers, or a Reply"
                ) from error


def deterministic(subject: Subject) -> None:
    """The same input gets the same reply."""
    if not subject.deterministic:
        raise Skipped("it does not claim to be")
    with subject.serve() as ecology:
        first = [form(subject.ask(ecology, data).output) for data in subject.inputs]
        for _ in range(ROUNDS):
            for data, reply in zip(subject.inputs, first, strict=True):
                again = form(subject.ask(ecology, data).output)
                if again != reply:
                    raise Failed(
                        f"{_shown(data)} gave {_shown(reply)}, then {_shown(again)}; fix its seed, keep no state "
                        "between calls, or check it with deterministic=False"
                    )


def errors(subject: Subject) -> None:
    """Odd inputs give a reply or a fault in words; they never end the process, hang, or spoil the next request."""
    if not hasattr(os, "fork"):
        problem = _odd_inputs(subject)
    else:
        ended = in_child(lambda: json.dumps(_tried(subject)), LIMIT_S)
        if (
            ended.died
        ):  # a fork may catch a lock that another thread of the test holds; the backend's own fault comes again
            ended = in_child(lambda: json.dumps(_tried(subject)), LIMIT_S)
        if ended.died:
            raise Failed(f"an odd input was too much: {ended.died}; raise an exception for what cannot be read")
        usable, problem = json.loads(ended.said) if ended.said[:1] == "[" else (True, ended.said[1:])
        if not usable:  # it cannot live in a forked process, which is another check's affair
            problem = _odd_inputs(subject)
    if problem:
        raise Failed(problem)


def threads(subject: Subject) -> None:
    """Many threads at once get what one gets."""
    with subject.serve() as ecology:
        expected = [form(subject.ask(ecology, data).output) for data in subject.inputs]

        def work(number: int) -> str:
            for turn in range(ROUNDS * len(subject.inputs)):
                at = (number + turn) % len(subject.inputs)
                got = form(subject.ask(ecology, subject.inputs[at]).output)
                if subject.deterministic and got != expected[at]:
                    return f"{_shown(subject.inputs[at])} gave {_shown(got)} in place of {_shown(expected[at])}"
            return ""

        _all_at_once(work, "keep what a call needs in its own variables, or hold a lock")


def loops(subject: Subject) -> None:
    """Several event loops, each on a thread of its own, share one ecology."""
    with subject.serve() as ecology:

        async def gathered() -> str:
            asked = [subject.aask(ecology, data) for data in subject.inputs for _ in range(3)]
            for answer in await asyncio.gather(*asked, return_exceptions=True):
                if isinstance(answer, BaseException):
                    return _why(answer)
            return ""

        _all_at_once(lambda _: asyncio.run(gathered()), "make what belongs to a loop inside the call, not in load()")


# --- how -------------------------------------------------------------------------------------------------


def _all_at_once(work: Callable[[int], str], advice: str) -> None:
    """Run `work` on many threads that begin together; the first problem that one of them gives is the failure."""
    problems: list[str] = []
    begin = threading.Barrier(THREADS)

    def run(number: int) -> None:
        begin.wait(LIMIT_S)
        try:
            problem = work(number)
        except Exception as error:  # noqa: BLE001  # reported from the thread that checks
            problem = _why(error)
        if problem:
            problems.append(problem)

    running = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(LIMIT_S)
    if any(thread.is_alive() for thread in running):
        raise Failed(f"{THREADS} threads are not done after {LIMIT_S:g} s; look for locks that wait for each other")
    if problems:
        raise Failed(f"{problems[0]}; {advice}")


def _tried(subject: Subject) -> tuple[bool, str]:
    """In a child: whether it answers there at all, and what was wrong with odd inputs."""
    try:
        with subject.serve() as ecology:
            subject.ask(ecology, subject.inputs[0], deadline_ms=5_000)
    except Exception:  # noqa: BLE001  # a plug-in's, of any class
        return False, ""
    return True, _odd_inputs(subject)


def _odd_inputs(subject: Subject) -> str:
    for blocking in (True, False):
        with subject.serve() as ecology:
            for name, data in _odd(subject):
                problem = _one(subject, ecology, data, blocking) or _one(subject, ecology, subject.inputs[0], blocking)
                if problem:
                    return f"{name}: {problem}"
    return ""


def _one(subject: Subject, ecology: Ecology, data: Any, blocking: bool) -> str:
    try:
        if blocking:
            subject.ask(ecology, data)
        else:
            asyncio.run(subject.aask(ecology, data))
    except (InvalidRequest, NoEligibleModel):
        return ""  # refused before the member saw it
    except AllLegsFailed as error:
        silent = [leg for leg in error.legs if not leg.get("fault")]
        return f"{_why(error)}; raise an exception in place of waiting" if silent else ""
    except BaseException as error:  # noqa: BLE001  # what escapes is what is looked for
        return f"{type(error).__name__} left the member: {error}; raise a subclass of Exception"
    return ""


def _odd(subject: Subject) -> Iterator[tuple[str, Any]]:
    yield from {
        "empty text": "",
        "blanks": " \t\n",
        "huge text": "word " * 200_000,
        "one huge word": "x" * 1_000_000,
        "NUL": "a\0b",
        "unicode": "🙂 ﷽ e\u0301\u0327 \u202eright to left\u202c \U0010ffff",
        "control characters": "".join(map(chr, range(1, 32))),
        "JSON as text": '{"a": [1, 2, {"b": null}]}',
        "half a surrogate pair": "\ud800",
    }.items()
    modalities = subject.manifest.contract.modalities
    if "json" in modalities:
        yield from {"JSON": {"a": [1, 2.5, None, {"ä": True}]}, "a list": [[[[[]]]], "x"], "a number": 3}.items()
    if "array" in modalities:
        import numpy as np

        yield "a wide array", np.zeros((3, 1_000), np.float32)
        yield "NaN", np.full((1, 4), np.nan, np.float32)
        yield "an array of text", np.array(["a", "b"])


def _why(error: BaseException) -> str:
    if isinstance(error, AllLegsFailed):
        return "; ".join(f"{leg['outcome']} {leg.get('fault') or ''}".strip() for leg in error.legs)
    return f"{type(error).__name__}: {error}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
