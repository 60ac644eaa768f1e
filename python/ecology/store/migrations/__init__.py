"""Brings a store from the schema it has to the one of this release, with alembic.

alembic is imported when a store is not up to date, and at no other time. To change the schema: edit
`store/schema.py`, add a file under `versions/` that leads there, and set `schema.REVISION` to its name; the tests
say when the two differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["known", "upgrade"]


def config() -> Config:
    """The configuration that an `alembic.ini` would hold; the scripts are found wherever the package is."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return settings


def known() -> set[str]:
    """The names of all revisions of this release."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def upgrade(connection: Connection) -> None:
    """Bring the store up to date inside the transaction that `connection` is in."""
    from alembic import command

    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
