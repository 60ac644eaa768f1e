"""The workers of one isolated member: as many as its limits say, each with one leg at a time.

A worker whose leg ran out of time, died or said nonsense is killed and the next one started at once, but never more
than `STARTS` in `WINDOW_S`: a member that crashes at every leg costs a bounded number of processes.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from . import frames
from .faults import MemberRaised, StillStarting, WorkerBusy, WorkerDied, WorkerFault, WorkerRests
from .process import OpeningRefused, Setup, Worker

__all__ = ["Pool"]

STARTS = 8
WINDOW_S = 10.0
FOREVER_S = 3600.0
LEAVE_S = 1.0


class Pool:
    """Callable with an input and the seconds that are left for it, on a thread that may wait."""

    def __init__(self, setup: Setup) -> None:
        self._state = _State(setup)
        # Also when the interpreter ends. The state outlives the pool, so that nothing of it is needed then.
        weakref.finalize(self, _State.close, self._state)

    def open(self) -> None:
        """Start the first worker, and wait until it has loaded its member.

        Raises:
            OpeningRefused: it cannot.
        """
        worker = self._state.take(time.monotonic() + FOREVER_S)
        try:
            worker.ready(time.monotonic() + FOREVER_S)
        except WorkerFault as fault:
            self._state.lose(worker, replace=False)
            raise OpeningRefused(f"{fault}", "see what ends it when it is imported") from fault
        except OpeningRefused:
            self._state.lose(worker, replace=False)
            raise
        self._state.give(worker)

    def __call__(self, data: Any, left_s: float | None = None) -> Any:
        """One leg.

        Raises:
            WorkerFault: what the leg's fault is.
        """
        ends = time.monotonic() + (FOREVER_S if left_s is None else left_s)
        self._state.legs(1)
        try:
            return self._leg(data, ends)
        finally:
            self._state.legs(-1)

    def _leg(self, data: Any, ends: float) -> Any:
        shown, raw = frames.tree(data)
        frame = frames.pack({"leg": shown}, raw)
        worker = self._state.take(ends)
        try:
            worker.ready(ends)
            reply = worker.ask(frame, ends)
        except (MemberRaised, StillStarting):
            self._state.give(worker)
            raise
        except OpeningRefused as refused:
            self._state.lose(worker, replace=False)
            raise WorkerDied(f"{refused.problem}; {refused.fix}") from refused
        except BaseException:
            self._state.lose(worker)
            raise
        self._state.give(worker)
        return reply

    @property
    def pids(self) -> list[int]:
        """The processes that there are."""
        return self._state.pids()


class _State:
    """Who is idle and who is asked; shared by every thread that has a leg."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._starts: deque[float] = deque()
        self._closed = False
        self._legs = 0
        self._process = os.getpid()

    def take(self, ends: float) -> Worker:
        with self._changed:
            while not self._closed:
                while self._idle:
                    worker = self._idle.pop()
                    if worker.lives():
                        self._busy.add(worker)
                        return worker
                    worker.kill()
                if len(self._busy) < self._setup.limits.workers:
                    worker = self._start()
                    self._busy.add(worker)
                    return worker
                left = ends - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    count = self._setup.limits.workers
                    raise WorkerBusy(f"no process was free of {count}; raise limits.workers, or send it less")
        raise WorkerDied("its ecology was closed")

    def give(self, worker: Worker) -> None:
        with self._changed:
            self._busy.discard(worker)
            if self._closed:
                worker.kill()
            else:
                self._idle.append(worker)
            self._changed.notify()

    def lose(self, worker: Worker, *, replace: bool = True) -> None:
        """Kill it, and begin to start the next, so that it may be ready when it is asked."""
        worker.kill()
        with self._changed:
            self._busy.discard(worker)
            if replace and not self._closed and len(self._busy) + len(self._idle) < self._setup.limits.workers:
                with suppress(WorkerFault):  # told to the leg that needs it
                    self._idle.append(self._start())
            self._changed.notify()

    def legs(self, more: int) -> None:
        with self._changed:
            self._legs += more
            if self._closed:
                self._changed.notify_all()

    def close(self) -> None:
        """Kill them all, and let the legs that had them end; nothing in a process that was forked from this one.

        At the end of the interpreter that matters: a thread that comes back into one that is gone ends the process.
        """
        if os.getpid() != self._process:
            return
        with self._changed:
            self._closed = True
            for worker in self._busy:
                worker.stop()  # its leg sees it end, and lets go of it
            for worker in self._idle:
                worker.kill()
            self._idle.clear()
            self._changed.notify_all()
            legs = self._legs
            self._changed.wait_for(lambda: self._legs == 0, LEAVE_S)
        if legs:
            time.sleep(LEAVE_S / 100)  # from the end of the call to the end of what the core does with its fault

    def pids(self) -> list[int]:
        with self._changed:
            return [worker.pid for worker in [*self._idle, *self._busy]]

    def _start(self) -> Worker:
        now = time.monotonic()
        while self._starts and self._starts[0] < now - WINDOW_S:
            self._starts.popleft()
        if len(self._starts) >= STARTS * self._setup.limits.workers:
            wait_s = self._starts[0] + WINDOW_S - now
            times = len(self._starts)
            raise WorkerRests(f"its process was started {times} times in {WINDOW_S:g} s; again in {wait_s:.1f} s")
        self._starts.append(now)
        try:
            return _spawn(lambda: Worker(self._setup))
        except OSError as error:
            raise WorkerDied(f"no process could be started: {error}") from error


# --- the thread that starts processes -----------------------------------------------------------------------

# A child is told to die with its parent, and the kernel takes the *thread* that started it for the parent. So processes
# are started by one thread that lives as long as this process does.

_Job = tuple[Callable[[], Worker], "Future[Worker]"]
_lock = threading.Lock()
_jobs: queue.SimpleQueue[_Job] | None = None


def _spawn(start: Callable[[], Worker]) -> Worker:
    global _jobs
    with _lock:
        if _jobs is None:
            _jobs = queue.SimpleQueue()
            threading.Thread(target=_work, args=(_jobs,), name="ecology-spawner", daemon=True).start()
        future: Future[Worker] = Future()
        _jobs.put((start, future))
    return future.result()


def _work(jobs: queue.SimpleQueue[_Job]) -> None:
    while True:
        start, future = jobs.get()
        try:
            future.set_result(start())
        except Exception as error:  # noqa: BLE001  # raised where it was asked for
            future.set_exception(error)


def _after_fork() -> None:
    """Neither the thread nor who held the lock is here."""
    global _lock, _jobs
    _lock, _jobs = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
