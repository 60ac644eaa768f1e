"""Confines the process that it is called in, for good. Runs in a worker before anything of the member is imported.

| what | how | where |
|---|---|---|
| no more rights than it has | `PR_SET_NO_NEW_PRIVS` | Linux |
| no network | a user and a network namespace of its own, whose interface is down | Linux |
| dies with its parent | `PR_SET_PDEATHSIG` | Linux |
| memory, processor, files, processes, no core dump | `setrlimit`, hard and soft | POSIX |

It does not hide the file system: files that the user may read can be read, and a socket in the file system that the
user may open can be opened.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["Refused", "confine", "leg_begins"]

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000
MB = 1 << 20


class Refused(Exception):
    """The platform cannot give what was asked for: the problem, and what to do."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix


def confine(limits: Mapping[str, Any], parent: int) -> None:
    """Give up what `limits` (a `ProcessLimits` as JSON) does not allow.

    Raises:
        Refused: there is no way to take the network away.
    """
    alone = False
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise Refused(f"PR_SET_NO_NEW_PRIVS: {os.strerror(ctypes.get_errno())}", "use a kernel of 3.5 or later")
        inherits = limits["network"] == "inherit"
        alone = libc.unshare(CLONE_NEWUSER) == 0 if inherits else _without_network(libc)
        # After the namespaces: new credentials clear it.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    elif limits["network"] == "none":
        raise Refused("only Linux can take the network from a process", _OPT_OUT)
    if os.getppid() != parent:
        os._exit(0)  # the parent ended before it could be watched
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_AS, limits["memory_mb"] * MB)
    _bound(resource.RLIMIT_FSIZE, limits["file_mb"] * MB)
    _bound(resource.RLIMIT_NOFILE, limits["open_files"])
    if alone:
        # Outside a user namespace of its own it would count every process of this user.
        _bound(resource.RLIMIT_NPROC, limits["processes"])


def leg_begins(cpu_s: int) -> None:
    """Allow one leg its processor time, from what is used so far; past it the process is ended by SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + cpu_s + 1, hard))


_OPT_OUT = 'write network = "inherit" under [models.limits] to run it with the network of this process'


def _without_network(libc: ctypes.CDLL) -> bool:
    """Whether it is in a user namespace of its own too, which an unprivileged process needs for that."""
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        return True
    reason = os.strerror(ctypes.get_errno())
    if libc.unshare(CLONE_NEWNET) == 0:
        return False
    raise Refused(f"the kernel does not permit a process without network here ({reason})", _OPT_OUT)


def _bound(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (least, least))
