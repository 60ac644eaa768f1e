"""Whether what a manifest points to is there and is what it says: files, digests, graphs, functions.

The library of onnxruntime is loaded when a description has an onnx backend whose file exists, and only then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..backends import Backend, LinearBackend, OnnxBackend, OpenAIBackend, RouterBackend, Terms
from ..errors import ArtifactError, DigestMismatch
from ..policy import Policy
from ..population import Manifest, Role, find, pin
from ..population.digest import backend_file
from ..population.training import read_fingerprints
from . import onnx_graph, safetensors_header
from .place import Finding, Loc
from .suggestion import did_you_mean

__all__ = ["artefacts_of", "intent_of", "router_of"]


def artefacts_of(model: Manifest, where: Loc, root: Path, policy: Policy, *, whole: bool = True) -> Iterator[Finding]:
    """Findings about what `model`, described at `where`, needs from outside the description.

    `whole` is false for a model of which something could not be read: then its own digest says nothing.
    """
    backend = model.backend
    absent = False
    for key in backend.FILES:
        value: str | None = getattr(backend, key, None)
        if value is None:
            continue
        missing = _absence(root / value)
        if missing is not None:
            absent |= key == "path"
            fix = f"correct it; it is relative to {root}"
            yield Finding((*where, "backend", key), f"{root / value} {missing}", fix)
    if model.training_prompts is not None:
        try:
            read_fingerprints(root / model.training_prompts)
        except ArtifactError as error:
            yield Finding((*where, "training_prompts"), f"{error.path}: {error.problem}", error.fix)
    if not absent and (whole or backend_file(model, root) is not None):
        yield from _digest(model, where, root)
    if model.isolation == "process":
        return  # its code and its files are opened in its own process, and only there
    for key, fault, advice in _faults(backend, root):
        yield Finding((*where, "backend", key), fault, advice)
    if isinstance(backend, LinearBackend | RouterBackend) and not absent:
        problem = safetensors_header.fault(root / backend.path)
        if problem is not None:
            fix = "train it again, or restore the file"
            yield Finding((*where, "backend", "path"), f"it is not a safetensors file: {problem}", fix)
    elif isinstance(backend, OnnxBackend):
        yield from onnx_graph.faults(backend, where, root)
    elif isinstance(backend, OpenAIBackend):
        terms = Terms(model.timeout_ms, model.max_output_tokens, policy.network.private_networks)
        for key, fault, advice in backend.forbidden(root, terms):
            yield Finding((*where, "backend", key), fault, advice)


def router_of(models: tuple[Manifest, ...], policy: Policy, root: Path) -> Iterator[Finding]:
    """The router that the policy names is a model of that role, or a file that was saved."""
    named = policy.routing.router
    if named is None:
        return
    where: Loc = ("policy", "routing", "router")
    model = find(models, named)
    if model is not None:
        if model.role is not Role.ROUTER:
            problem = f"{model.id} has the role {model.role.value}"
            yield Finding(where, problem, 'write role = "router" for it, or name a router')
        elif not isinstance(model.backend, RouterBackend | LinearBackend):
            problem = f"{model.id} is of kind {model.backend.kind}, which is no learned router"
            yield Finding(where, problem, 'write backend = { kind = "router", path = "router.safetensors" } for it')
        return
    fault = _absence(root / named) or safetensors_header.fault(root / named)
    if fault is not None:
        fix = "`ecology fit` writes one; leave the key out to route by the rules"
        yield Finding(where, f'"{named}" is neither a model nor a fitted router: {fault}', fix)


def intent_of(models: tuple[Manifest, ...], policy: Policy) -> Iterator[Finding]:
    """What the policy names to infer tasks is a model of that role, and a classifier."""
    if policy.routing.intent is None:
        return
    where: Loc = ("policy", "routing", "intent", "model")
    named = policy.routing.intent.model
    model = find(models, named)
    if model is None:
        known = [model.id if "@" in named else model.name for model in models if model.role is Role.INTENT]
        yield Finding(where, f'there is no model "{named}"', did_you_mean(named, list(dict.fromkeys(known))))
    elif model.role is not Role.INTENT:
        problem = f"{model.id} has the role {model.role.value}"
        yield Finding(where, problem, 'write role = "intent" for it, or name an intent model')
    elif not isinstance(model.backend, LinearBackend):
        problem = f"{model.id} is of kind {model.backend.kind}, and only a linear classifier infers tasks"
        yield Finding(where, problem, "`ecology intent fit` writes one")


def _absence(path: Path) -> str | None:
    try:
        if path.is_file():
            return None
        return "is a folder" if path.is_dir() else "does not exist"
    except OSError as error:  # a name that is too long, a folder that may not be entered
        return f"cannot be read: {error.strerror}"


def _digest(model: Manifest, where: Loc, root: Path) -> Iterator[Finding]:
    try:
        pin(model, root)
    except DigestMismatch as error:
        problem = f"the content has {error.actual}, the description says {error.expected}"
        fix = "restore the content; or write that digest under another version"
        if model.role is Role.ROUTER:
            fix += "; without it policy.routing.router has to name another, or every decision is made by the rules"
        yield Finding((*where, "digest", "value"), problem, fix)
    except ArtifactError as error:
        yield Finding((*where, "backend", "path"), error.problem, error.fix)


def _faults(backend: Backend, root: Path) -> Iterator[tuple[str, str, str]]:
    """What the backend says of itself; a plug-in that raises here is at fault, and the others are still looked at."""
    try:
        yield from backend.problems(root)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # of a plug-in
        yield (
            "kind",
            f"problems() raised {type(error).__name__}: {error}",
            "repair or uninstall the package of that kind",
        )
