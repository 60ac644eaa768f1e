"""One worker process, as its parent sees it: started, asked, killed. Every wait has an end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..messages import Reply
from . import frames
from .faults import BadFrame, MemberRaised, StillStarting, WorkerDied, WorkerKilled
from .limits import ProcessLimits

__all__ = ["ENVIRONMENT", "OpeningRefused", "Setup", "Worker"]

# All that a worker's environment holds: a worker answers one leg at a time, and threads of libraries that it did not
# ask for would count against its limits. Python adds LC_CTYPE when it starts in an empty one (PEP 538).
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

MOST_WORDS = 2_000
SAYS_S = 1.0  # for the rest of a frame that has begun

BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from ecology.isolation.worker import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)


class OpeningRefused(Exception):
    """The worker cannot serve: the problem, and what to do."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told: which backend, from which folder, within which limits."""

    backend: dict[str, Any]
    registered: str | None
    root: Path
    limits: ProcessLimits

    def frame(self) -> bytes:
        facts = {"backend": self.backend, "registered": self.registered, "root": str(self.root)}
        return frames.pack(facts | {"limits": self.limits.model_dump(mode="json")})

    def file(self) -> IO[bytes]:
        """The frame, in a file without a name: unlike a pipe it holds all of it, so that nobody waits to send it."""
        file: IO[bytes]
        if sys.platform == "linux":  # in memory, since there may be no folder that can be written
            file = os.fdopen(_above_standard(os.memfd_create("ecology-setup")), "w+b")
        else:
            file = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            file.write(self.frame())
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file


def _above_standard(descriptor: int) -> int:
    """The same file where a child's standard streams do not replace it, as they do if this one has closed its own."""
    import fcntl  # here, since other systems than POSIX are refused in words by who imports this

    if descriptor > 2:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)


class Worker:
    """A process that was started, and loads its member from then on; `ready` waits until it can be asked."""

    def __init__(self, setup: Setup) -> None:
        path = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
        with setup.file() as told:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", BOOT, path, str(os.getpid()), str(told.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd=setup.root,
                pass_fds=(told.fileno(),),
                start_new_session=True,
                bufsize=0,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._most_bytes = setup.limits.reply_mb << 20
        self._begun = time.monotonic()
        self._start_s = setup.limits.start_s
        self._ready = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def lives(self) -> bool:
        """Whether the process has not ended."""
        return self._code() is None

    def ready(self, ends: float) -> None:
        """Wait until it has loaded its member, at most until `ends` on the monotonic clock.

        Raises:
            OpeningRefused: it cannot load it, or not within `limits.start_s`.
            StillStarting: `ends` came first. It can be asked by a later leg.
            WorkerDied, BadFrame: it ended, or said something else.
        """
        if self._ready:
            return
        bound = self._begun + self._start_s
        try:
            # What it has said counts, however late it is read: it may have been ready long before it was needed.
            if not self._happens(self._out, select.POLLIN, min(ends, bound) - time.monotonic()):
                raise WorkerKilled
            message, _ = self._receive(max(bound, time.monotonic() + SAYS_S))
        except WorkerKilled as late:
            if time.monotonic() < bound:
                raise StillStarting("its process is not ready yet; give the leg more time, or ask again") from late
            problem = f"its process was not ready within {self._start_s} s"
            raise OpeningRefused(problem, "raise limits.start_s, or load less") from late
        refused = message.get("refused")
        if isinstance(refused, list) and len(refused) == 2 and all(isinstance(words, str) for words in refused):
            raise OpeningRefused(*(words[:MOST_WORDS] for words in refused))
        if "ready" not in message:
            raise BadFrame("what came back is no reply: it never said that it is ready")
        self._ready = True
        if time.monotonic() >= ends:  # else it would be killed for a leg that it never had
            raise StillStarting("its process was ready when the leg's time was over; ask again")

    def ask(self, frame: bytes, ends: float) -> Reply:
        """One leg.

        Raises:
            MemberRaised: the member raised; the worker can be asked again.
            WorkerKilled, WorkerDied, BadFrame: it cannot.
        """
        self._send(frame, ends)
        message, raw = self._receive(ends)
        fault = message.get("fault")
        if isinstance(fault, str):
            raise MemberRaised(fault[:MOST_WORDS])
        if not {"reply"} <= set(message) <= {"reply", "confidence", "tokens_in", "tokens_out"}:
            raise BadFrame("what came back is no reply")
        output = frames.value(message.pop("reply"), raw)
        return Reply(output, **message)

    def kill(self) -> None:
        """End it and let go of its pipes. Only by who has it, since nobody else may be reading them then."""
        self.stop()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def stop(self) -> None:
        """End it and everything in its session that did not leave it, while another thread may wait for it."""
        if self._process.returncode is None:  # nobody waited for it yet, so the id is still its own
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, data: bytes, ends: float) -> None:
        left = memoryview(data)
        while left:
            if not self._waits(self._in, select.POLLOUT, ends):
                raise WorkerKilled("its time was over before it had read the input")
            try:
                left = left[os.write(self._in, left) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise WorkerDied(self._how()) from error

    def _receive(self, ends: float) -> tuple[dict[str, Any], bytes]:
        text, raw = frames.sizes(self._exactly(frames.HEAD.size, ends), self._most_bytes)
        body = self._exactly(text + raw, ends)
        return frames.unpack(body[:text], body[text:])

    def _exactly(self, count: int, ends: float) -> bytes:
        body = bytearray()
        while len(body) < count:
            if not self._waits(self._out, select.POLLIN, ends):
                raise WorkerKilled("its time was over")
            try:
                part = os.read(self._out, min(count - len(body), 1 << 20))
            except BlockingIOError:
                continue
            if not part:
                raise WorkerDied(self._how())
            body += part
        return bytes(body)

    @classmethod
    def _waits(cls, descriptor: int, event: int, ends: float) -> bool:
        """Whether something happens on a descriptor before `ends`; never afterwards."""
        left_s = ends - time.monotonic()
        return left_s > 0 and cls._happens(descriptor, event, left_s)

    @staticmethod
    def _happens(descriptor: int, event: int, within_s: float) -> bool:
        """Whether something happened on a descriptor, or does in time."""
        poll = select.poll()  # not select: descriptors may be above 1023
        poll.register(descriptor, event)
        return bool(poll.poll(max(0.0, within_s) * 1e3))

    def _how(self) -> str:
        ends = time.monotonic() + 1  # it closed its pipe, so it is ending
        while (code := self._code()) is None and time.monotonic() < ends:
            time.sleep(0.001)
        return _ended(code)

    def _code(self) -> int | None:
        """Its exit code (below 0: the signal) if it has ended. Nobody waits for it yet, so its id stays its own."""
        if self._process.returncode is not None:
            return self._process.returncode
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _ended(code: int | None) -> str:
    if code is None:
        return "its process closed its pipe; it was killed"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"its process was ended by {name}"
    return f"its process ended with exit code {code}"
