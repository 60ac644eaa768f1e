"""Checks of what outlasts a call: the configuration, reloads, forks, and what piles up."""

from __future__ import annotations

import os
import pickle
import threading
from itertools import pairwise
from pathlib import Path

from ..backends import find
from ..errors import BackendError, EcologyError
from ..population import Manifest, content_digest
from .child import in_child
from .subject import Failed, Given, Skipped, Subject, form

__all__ = ["config", "fork", "kind", "leaks", "reload"]

FORK_LIMIT_S = 60.0
MOST_GROWTH_KB = 4_096
RELOADS = 3


def kind(subject: Subject) -> None:
    """A description can name it."""
    backend = subject.backend
    if isinstance(backend, Given):
        raise Skipped("a bare function has no kind")
    try:
        found = find(backend.kind)
    except BackendError as error:
        raise Failed(f"{error}") from error
    if found is not type(backend):
        raise Failed(f'the kind "{backend.kind}" is {found.__module__}.{found.__qualname__}; give it another kind')


def config(subject: Subject) -> None:
    """The configuration survives JSON and pickle, and has one digest."""
    backend = subject.backend
    if isinstance(backend, Given):
        raise Skipped("a bare function has no configuration")
    try:
        read = type(backend).model_validate_json(backend.model_dump_json())
    except ValueError as error:
        raise Failed(f"what it writes as JSON it cannot read: {error}") from error
    if read.model_dump() != backend.model_dump():
        raise Failed("it is not the same after JSON; let its fields hold all of it")
    try:
        pickled = pickle.loads(pickle.dumps(backend))
    except Exception as error:
        raise Failed(f"it cannot be pickled: {error}; make locks, files and sessions in load()") from error
    if pickled.model_dump() != backend.model_dump():
        raise Failed("it is not the same after pickle; let its fields hold all of it")
    digests = {content_digest(_with(subject.manifest, each), subject.root).value for each in (backend, read, pickled)}
    if len(digests) > 1:
        raise Failed("its digest changes between copies; leave sets and times out of its fields")


def reload(subject: Subject) -> None:
    """Loaded again beside itself it says the same, and what served before is let go."""
    with subject.serve() as ecology:
        first = [form(subject.ask(ecology, data).output) for data in subject.inputs]
        for _ in range(RELOADS):
            try:
                ecology.reload(subject.description())
                again = [form(subject.ask(ecology, data).output) for data in subject.inputs]
            except EcologyError as error:
                raise Failed(f"after a reload: {error}; load() must work while an earlier one still serves") from error
            if subject.deterministic and again != first:
                raise Failed(
                    "after a reload the same inputs get other replies; let nothing depend on how often it loads"
                )


def fork(subject: Subject) -> None:
    """Opened afresh in a forked process it answers."""
    if not hasattr(os, "fork"):
        raise Skipped("this platform has no fork")
    with subject.serve() as ecology:
        subject.ask(ecology, subject.inputs[0])  # so that whatever it starts has been started before the fork

        def work() -> str:
            with subject.serve() as fresh:
                for data in subject.inputs:
                    subject.ask(fresh, data)
            return "answered"

        ended = in_child(work, FORK_LIMIT_S)
    if ended.said != "answered":
        why = ended.died or ended.said.removeprefix("!")
        raise Failed(f"in a forked process: {why}; make threads, locks and connections in load(), not at import")


def leaks(subject: Subject) -> None:
    """Threads, file descriptors and memory stay as they are over many calls."""
    if not Path("/proc/self/fd").is_dir():
        raise Skipped("this platform does not count them")
    with subject.serve() as ecology:

        def call() -> tuple[int, int, int]:
            for turn in range(subject.calls):
                subject.ask(ecology, subject.inputs[turn % len(subject.inputs)])
            return _held()

        call()  # caches fill, pools start
        points = [_held(), call(), call()]
    # Twice in a row, since whatever fills up once is no leak.
    growth = [min(later - sooner for sooner, later in pairwise(each)) for each in zip(*points, strict=True)]
    few = max(2, subject.calls // 20)
    for name, grown, most in zip(
        ("threads", "file descriptors", "KB"), growth, (few, few, MOST_GROWTH_KB), strict=True
    ):
        if grown > most:
            raise Failed(f"{grown} more {name} with every {subject.calls} calls; close what a call opens")


def _with(manifest: Manifest, backend: object) -> Manifest:
    return manifest.model_copy(update={"backend": backend, "digest": None})


def _held() -> tuple[int, int, int]:
    """Threads, open files and resident memory in KB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    threads = max(threading.active_count(), len(os.listdir("/proc/self/task")))  # noqa: PTH208  # only the number
    return threads, len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE") // 1024  # noqa: PTH208
