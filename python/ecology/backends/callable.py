"""Configures a `callable` member: any Python function, sync (on a thread) or async (on the caller's loop).

The function takes the input and returns an output, or a `Reply` when it knows more: its own confidence, its
tokens. It lives in an installed package, or in a file beside the description: a target `models:answer` means
`models.py` in the description's folder when there is one. That file is imported from its place, under a name of
its own, so `sys.path` stays as it is and two descriptions may each have a `models.py`.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import Field

from ..errors import ArtifactError
from .protocol import Backend

__all__ = ["CallableBackend"]


class CallableBackend(Backend):
    """`target`: `package.module:function`, importable or beside the description.

    >>> CallableBackend(kind="callable", target="builtins:str").load()
    <class 'str'>
    """

    kind: Literal["callable"]
    target: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]

    def load(self, root: Path | None = None) -> Callable[[Any], Any]:
        """Import the function; a module file under `root` wins over an installed module of that name.

        Raises:
            ArtifactError: the module or the attribute does not exist, importing the module fails, or what it
                names cannot be called.
        """
        module_name, _, attribute = self.target.partition(":")
        beside = None if root is None else _file_of(module_name, root)
        try:
            if beside is not None and root is not None:
                target: Any = _import_beside(module_name, beside, root)
            else:
                target = importlib.import_module(module_name)
        except (Exception, SystemExit) as error:
            fix = f"repair {beside}" if beside else "install it, or put the file beside the description"
            why = f"importing {module_name} raised {type(error).__name__}: {error}"
            raise ArtifactError(self.target, why, fix) from error
        for part in attribute.split("."):
            try:
                target = getattr(target, part)
            except AttributeError as error:
                where = beside or module_name
                raise ArtifactError(self.target, f"{where} has no {attribute}", "name a function in it") from error
        if not callable(target):
            raise ArtifactError(self.target, "it is not callable", "name a function")
        return target  # type: ignore[no-any-return]  # checked by callable() above

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        """Importing the function is the only way to know that it is there."""
        try:
            self.load(root)
        except ArtifactError as error:
            yield "target", f"{error.path}: {error.problem}", error.fix


def _file_of(module_name: str, root: Path) -> Path | None:
    """The file of a module under `root`, if it is there."""
    stem = root.joinpath(*module_name.split("."))
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


def _import_beside(module_name: str, file: Path, root: Path) -> ModuleType:
    """Import `module_name` from `root` inside a namespace package whose only search path is `root`.

    The namespace's name holds the folder and the file's content: an edited file is a new module, while a snapshot
    that still serves keeps the old one. Relative imports (`from . import helper`) find the files beside it.
    """
    key = hashlib.sha256(str(root.absolute()).encode() + b"\0" + file.read_bytes()).hexdigest()
    namespace = f"_ecology_beside_{key[:16]}"
    if namespace not in sys.modules:
        package = ModuleType(namespace, f"The modules beside a description in {root}.")
        package.__path__ = [str(root.absolute())]
        sys.modules[namespace] = package
        importlib.invalidate_caches()
    return importlib.import_module(f"{namespace}.{module_name}")
