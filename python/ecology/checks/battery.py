"""The battery: the checks in their order, each with those without which it would say nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..backends import Backend
from ..errors import EcologyError
from ..population import Manifest
from . import bounds, calls, lifetime
from .report import Report, Row
from .subject import Failed, Skipped, Subject

__all__ = ["Check", "backend_checks", "check_backend"]

Checked = Backend | Manifest | Mapping[str, Any] | Callable[[Any], Any]


@dataclass(frozen=True)
class Check:
    """One named check; called with what `check_backend` takes, it runs alone (after those that it needs)."""

    name: str
    run: Callable[[Subject], None]
    needs: tuple[str, ...] = ()

    def __call__(self, backend: Checked, inputs: Iterable[Any] = (), **stated: Any) -> Report:
        return check_backend(backend, inputs, only=(self.name,), **stated)

    def __str__(self) -> str:
        return self.name


BATTERY = (
    Check("kind", lifetime.kind),
    Check("config", lifetime.config),
    Check("replies", calls.replies),
    Check("deterministic", calls.deterministic, ("replies",)),
    Check("errors", calls.errors, ("replies",)),
    Check("timeouts", bounds.timeouts, ("replies",)),
    Check("cancel", bounds.cancel, ("replies",)),
    Check("threads", calls.threads, ("replies", "deterministic")),
    Check("loops", calls.loops, ("replies", "threads")),
    Check("reload", lifetime.reload, ("replies", "deterministic")),
    Check("fork", lifetime.fork, ("replies",)),
    Check("leaks", lifetime.leaks, ("replies",)),
)


def backend_checks() -> tuple[Check, ...]:
    """The named checks, for a test that is parametrised by them.

    >>> [str(check) for check in backend_checks()][:3]
    ['kind', 'config', 'replies']
    """
    return BATTERY


def check_backend(
    backend: Checked,
    inputs: Iterable[Any] = (),
    *,
    root: str | os.PathLike[str] = ".",
    deterministic: bool = True,
    timeout_ms: int = 10_000,
    calls: int = 200,
    only: Collection[str] | None = None,
) -> Report:
    """Serve a backend in an ecology of its own and see whether it does what is expected of a member.

    `backend` is a backend's configuration, a bare function, or a whole manifest, whose contract says how it is asked.
    `inputs` are samples that it answers; two or more show more than one. Paths are under `root`. `deterministic` says
    whether it claims to give the same reply to the same input, `timeout_ms` how long one call may take, `calls` how
    many are made to see whether anything piles up. `only` names the checks to run.

    >>> print(check_backend(str.upper, ["a", "b"], only=["replies", "deterministic"]))
    checked@1: 2 passed
      passed   replies
      passed   deterministic

    Raises:
        KeyError: `only` names a check that does not exist.
    """
    by_name = {check.name: check for check in BATTERY}
    wanted = set(by_name) if only is None else {by_name[name].name for name in only}
    subject = Subject.of(backend, tuple(inputs), root, deterministic=deterministic, timeout_ms=timeout_ms, calls=calls)
    needed = set(wanted)
    for check in reversed(BATTERY):
        if check.name in needed:
            needed.update(check.needs)
    rows: dict[str, Row] = {}
    for check in BATTERY:
        if check.name in needed:
            rows[check.name] = _row(check, subject, rows)
    return Report(subject.manifest.id, tuple(row for name, row in rows.items() if name in wanted))


def _row(check: Check, subject: Subject, rows: Mapping[str, Row]) -> Row:
    # A check that was skipped because nothing is claimed stands in nobody's way.
    broken = next((name for name in check.needs if rows[name].verdict == "failed" or _follows(rows[name])), None)
    if broken is not None:
        return Row(check.name, "skipped", f"{UNTOLD} {broken}")
    try:
        check.run(subject)
    except Failed as failed:
        return Row(check.name, "failed", str(failed))
    except Skipped as skipped:
        return Row(check.name, "skipped", str(skipped))
    except EcologyError as error:
        return Row(check.name, "failed", f"{type(error).__name__}: {error}")
    return Row(check.name, "passed")


UNTOLD = "it would say nothing without"


def _follows(row: Row) -> bool:
    return row.verdict == "skipped" and row.words.startswith(UNTOLD)
