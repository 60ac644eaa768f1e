"""What the environment says about this process; the environment wins over the description.

| variable | means | default |
|---|---|---|
| `ECOLOGY_FILE` | the description that commands read | `ecology.toml` |
| `ECOLOGY_HOME` | the folder of the registry and of what is built | `.ecology` |
| `ECOLOGY_LOG_TEXT` | overrides `policy.log_text`: `none`, `features` or `full` | as described |

>>> Settings(home=Path("/var/lib/ecology")).registry
PosixPath('/var/lib/ecology/registry.db')
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Read once by a command or by `read_description`; never at import."""

    model_config = SettingsConfigDict(env_prefix="ECOLOGY_", env_ignore_empty=True, frozen=True, extra="forbid")

    file: Path = Path("ecology.toml")
    home: Path = Path(".ecology")
    log_text: Literal["none", "features", "full"] | None = None

    @property
    def registry(self) -> Path:
        """The registry's file under `home`."""
        return self.home / "registry.db"
