"""One registered version of a model: weights or endpoint, and all that is known about it.

>>> m = Manifest.model_validate({
...     "name": "triage", "version": "1", "timeout_ms": 50,
...     "backend": {"kind": "callable", "target": "builtins:str"},
... })
>>> m.id
'triage@1'
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field

from ..backends import BackendConfig
from ..config import Config
from ..isolation.limits import ProcessLimits
from .contract import Contract
from .price import Price
from .role import Role, Tier
from .stage import Stage

__all__ = ["Digest", "Manifest"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Digest(Config):
    """A SHA-256, and how it is known.

    It was computed from *content*, *declared* by the model's owner, or *reported* by a server.
    """

    value: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    kind: Literal["content", "declared", "reported"] = "content"


class Manifest(Config):
    """A model's identity, contract, price and bounds.

    `training_prompts` is a file of fingerprints (see `training.py`), relative to the description.
    `isolation = "process"` runs a Python member in a process of its own, within `limits`.
    `ranks` and `features_digest` are a learned router's: the models that it has a head for, and the features that it
    reads; the latter an intent model has too.
    `timeout_ms` is mandatory: a leg without a bound is a leg that can hang. `expected_*` seed the estimates
    of cost and latency until there are measurements. `fallback` names the model (`name` or `name@version`) that
    is asked when this one fails.
    """

    name: Name
    version: Name = "1"
    backend: BackendConfig
    isolation: Literal["none", "process"] = "none"
    limits: ProcessLimits | None = None
    digest: Digest | None = None
    base: str | None = None
    adapter: str | None = None
    family: str = "unknown"
    parents: tuple[str, ...] = ()
    data_digests: tuple[str, ...] = ()
    training_prompts: str | None = None
    ranks: tuple[str, ...] = ()
    features_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    licence: str = "unknown"
    role: Role = Role.SPECIALIST
    tier: Tier = Tier.MEDIUM
    stage: Stage = Stage.ACTIVE
    contract: Contract = Contract()
    price: Price = Price()
    timeout_ms: Annotated[int, Field(gt=0, le=3_600_000)]
    fallback: str | None = None
    max_output_tokens: Annotated[int, Field(gt=0, le=100_000_000)] = 1024
    expected_latency_ms: Annotated[float, Field(ge=0)] | None = None
    expected_compute_ms: Annotated[float, Field(ge=0)] | None = None

    @property
    def id(self) -> str:
        """`name@version`: the stable identity under which everything is counted."""
        return f"{self.name}@{self.version}"

    def canonical(self) -> str:
        """Everything but the stage as JSON, the same text for equal manifests in every process."""
        facts: dict[str, Any] = self.model_dump(mode="json", exclude={"stage"})
        facts["contract"]["privileges"] = sorted(facts["contract"]["privileges"])
        if (
            self.isolation == "none" and self.limits is None
        ):  # digests from before there was isolation stay what they are
            del facts["isolation"], facts["limits"]
        for learned in ("ranks", "features_digest"):  # and from before routers were registered
            if not facts[learned]:
                del facts[learned]
        return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def identity(self) -> str:
        """SHA-256 over everything but the stage, which is the one thing about a version that changes."""
        return "sha256:" + hashlib.sha256(self.canonical().encode()).hexdigest()
