"""What the process of an isolated member may use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..config import Config

__all__ = ["ProcessLimits"]


class ProcessLimits(Config):
    """`[models.limits]`, for a member with `isolation = "process"`.

    Memory is address space, which libraries reserve more of than they use; a member that passes it sees `MemoryError`.
    `cpu_s` is processor time of one leg. `file_mb` bounds every file that it writes; 0 is none at all. `processes`
    counts threads too, and holds where it has a user namespace of its own. `network = "inherit"` leaves it the network
    of this process, for kernels that permit no other.

    >>> ProcessLimits(memory_mb=512).network
    'none'
    """

    memory_mb: Annotated[int, Field(ge=128, le=1 << 20)] = 2048
    cpu_s: Annotated[int, Field(ge=1, le=3600)] = 60
    open_files: Annotated[int, Field(ge=16, le=65_536)] = 64
    processes: Annotated[int, Field(ge=1, le=65_536)] = 64
    file_mb: Annotated[int, Field(ge=0, le=1 << 20)] = 0
    reply_mb: Annotated[int, Field(ge=1, le=1024)] = 16
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    start_s: Annotated[int, Field(ge=1, le=600)] = 30
    network: Literal["none", "inherit"] = "none"
