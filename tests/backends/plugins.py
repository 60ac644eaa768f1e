"""Packages that supply backends, as pip would have installed them: a module and its dist-info on the path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["SHOUT", "install", "using"]

SHOUT = '''
"""A plug-in."""
from pathlib import Path
from typing import Any, ClassVar, Literal

from ecology.backends import Backend


class Shout(Backend):
    FILES: ClassVar[tuple[str, ...]] = ("words",)

    kind: Literal["shout"]
    mark: str = "!"
    times: int = 1
    words: str | None = None

    def load(self, root: Path) -> Any:
        return lambda data: str(data).upper() + self.mark * self.times


class Whisper(Backend):
    kind: Literal["whisper"]

    def load(self, root: Path) -> Any:
        async def whisper(data: Any) -> str:
            return str(data).lower()

        return whisper


class Mute(Backend):
    kind: Literal["mute"]


class Kindless(Backend):
    def load(self, root: Path) -> Any:
        return str


class Stranger:
    kind = "stranger"
'''


def install(
    site: Path, kinds: Mapping[str, str], *, name: str = "shouting", version: str = "1.2", code: str = SHOUT
) -> Path:
    """A package of one module, with its entry points; gives the folder that has to be on `sys.path`."""
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{name}.py").write_text(code, "utf-8")
    facts = site / f"{name}-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
    lines = "".join(f"{kind} = {target}\n" for kind, target in kinds.items())
    (facts / "entry_points.txt").write_text(f"[ecology.backends]\n{lines}", "utf-8")
    return site


def using(kind: str, name: str = "a", **keys: object) -> str:
    """One model of a description."""
    facts = "".join(
        f", {key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in keys.items()
    )
    return f'[[models]]\nname = "{name}"\ntimeout_ms = 5000\nbackend = {{ kind = "{kind}"{facts} }}\n'
