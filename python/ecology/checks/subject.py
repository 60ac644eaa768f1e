"""What is checked, served as in earnest: a population of one model, opened afresh for each check."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from .. import _core
from ..backends import Backend
from ..backends.protocol import is_async
from ..ecology import Ecology
from ..engine.description import Description
from ..policy import Policy
from ..population import ANY, Manifest, Stage, Tier

__all__ = ["Failed", "Given", "Skipped", "Slowed", "Subject", "form"]

INPUTS = ("Where is my card?", "What is 17 * 23 + 4?")


class Failed(Exception):
    """The words of a check that failed."""


class Skipped(Exception):
    """Why a check says nothing."""


class Given(Backend):
    """A bare function that a check was given; no description can name it."""

    kind: Literal["given"] = "given"
    function_: Any = Field(exclude=True)

    def load(self, root: Path) -> Callable[[Any], Any]:
        return self.function_  # type: ignore[no-any-return]  # Backend.function() checks that it can be called


class Slowed(Backend):
    """Another backend whose every call first waits for `gate`, which stays shut: a member that hangs."""

    kind: Literal["slowed"] = "slowed"
    inner: Any = Field(exclude=True)
    gate: Any = Field(exclude=True)

    def load(self, root: Path) -> Callable[[Any], Any]:
        function, gate = self.inner.function(root), self.gate

        async def slow_async(data: Any) -> Any:
            while not gate.is_set():
                await asyncio.sleep(0.01)
            return await function(data)

        def slow(data: Any) -> Any:
            gate.wait(30)
            return function(data)

        return slow_async if is_async(function) else slow


@dataclass(frozen=True)
class Subject:
    """A backend as a model that may serve, and how it is to be asked."""

    manifest: Manifest
    root: Path
    inputs: tuple[Any, ...]
    deterministic: bool
    calls: int

    @classmethod
    def of(
        cls,
        backend: Backend | Manifest | Mapping[str, Any] | Callable[[Any], Any],
        inputs: tuple[Any, ...],
        root: str | os.PathLike[str],
        *,
        deterministic: bool,
        timeout_ms: int,
        calls: int,
    ) -> Subject:
        """From a backend, a function, or a manifest (as a value or a table)."""
        if isinstance(backend, Mapping):
            backend = Manifest.model_validate(backend)
        elif not isinstance(backend, Backend | Manifest):
            backend = Given(function_=backend)
        if isinstance(backend, Backend):
            backend = Manifest(name="checked", backend=backend, timeout_ms=timeout_ms)
        facts: dict[str, Any] = {"stage": Stage.ACTIVE, "tier": Tier.SMALL, "fallback": None}
        if backend.digest is not None and backend.digest.kind == "declared":
            facts["digest"] = None  # it is over the manifest, which is changed here
        manifest = backend.model_copy(update=facts)
        return cls(manifest, Path(root).absolute(), inputs or INPUTS, deterministic, max(20, calls))

    @property
    def backend(self) -> Backend:
        return self.manifest.backend

    def description(self, **changes: Any) -> Description:
        """The population of this one model, with `changes` to its manifest."""
        manifest = self.manifest.model_copy(update=changes)
        granted = {manifest.id: sorted(manifest.contract.privileges)}
        policy = Policy.model_validate({"grants": granted, "routing": {"min_decision_confidence": 0.0}})
        return Description("checks", (manifest,), policy, self.root, "checks")

    def serve(self, **changes: Any) -> Ecology:
        """An ecology of its own."""
        return Ecology(self.description(**changes))

    def stated(self) -> dict[str, Any]:
        """What the contract asks of a request."""
        contract = self.manifest.contract
        wanted = {
            "task": contract.tasks,
            "language": contract.languages,
            "data_class": contract.data_classes,
            "jurisdiction": contract.jurisdictions,
        }
        return {key: allowed[0] for key, allowed in wanted.items() if ANY not in allowed}

    def ask(self, ecology: Ecology, data: Any, **more: Any) -> _core.Answer:
        """One blocking request."""
        return ecology.answer(data, **self.stated(), **more)

    async def aask(self, ecology: Ecology, data: Any, **more: Any) -> _core.Answer:
        """One request on the running loop."""
        return await ecology.aanswer(data, **self.stated(), **more)

    def slowed(self) -> tuple[Slowed, threading.Event]:
        """Its backend made to hang until the event is set."""
        gate = threading.Event()
        return Slowed(inner=self.backend, gate=gate), gate


def form(output: Any) -> str:
    """An output as text, the same for equal outputs."""
    if hasattr(output, "tobytes"):
        return f"{output.dtype}{output.shape}{output.tobytes().hex()}"
    return json.dumps(output, sort_keys=True, ensure_ascii=False)
