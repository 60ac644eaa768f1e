"""What the store holds. Files stay where they are; here are their paths and digests.

`models` has one row for each registered version, of which only the stage ever changes. `history` has one row for
each thing that happened to them: it is append-only, and each row's hash covers the hash before it, so a change to
any of them shows (`population/history.py` computes the hashes, the triggers of the migration refuse the changes).

Nothing here is peculiar to SQLite. Times are ISO 8601 text in UTC, because a hash covers them as they are written.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, UniqueConstraint

__all__ = ["REVISION", "history", "metadata", "models"]

REVISION = "r0001"
"""The migration that leads to this schema; a test holds the two equal."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

models = Table(
    "models",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("identity", String(71), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("root", Text, nullable=False),
    Column("path", Text),
    Column("manifest", Text, nullable=False),
    Column("registered_at", String(32), nullable=False),
    UniqueConstraint("name", "version"),
)

history = Table(
    "history",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("model", String(129), nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("hash"),
)
