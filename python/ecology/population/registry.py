"""Remembers every version of every model, and all that happened to them.

A version never changes: registering the same content again is nothing, other content under the same `name@version`
is refused. The one thing that moves is the stage, and each move is an event of an append-only history.

>>> import tempfile
>>> echo = Manifest.model_validate(
...     {"name": "echo", "timeout_ms": 9, "backend": {"kind": "callable", "target": "builtins:str"}})
>>> with tempfile.TemporaryDirectory() as home, Registry.open(home) as registry:
...     _ = registry.register(echo, why="the first one")
...     _ = registry.set_stage("echo@1", "archived")
...     registry.show("echo").stage.value, [event.kind for event in registry.history("echo")]
('archived', ['registered', 'stage'])

SQLAlchemy is imported when a registry is opened. Every method is one transaction and may be called from any thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import AlreadyRegistered, ArtifactError, UnknownModel
from .digest import backend_file, pin
from .history import HistoryEvent, canonical_json, follow
from .manifest import Manifest
from .role import Role
from .stage import Stage

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from ..store.database import Database

__all__ = ["Registry"]

Clock = Callable[[], datetime]
Manifests = list[Manifest]  # inside the class, `list` is a method
Events = list[HistoryEvent]


def utc_now() -> datetime:
    """The clock that a registry uses unless it is given one."""
    return datetime.now(UTC)


class Registry:
    """The models that exist. Open it with `Registry.open`, close it or use `with`."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    def open(cls, where: str | PathLike[str], *, clock: Clock = utc_now) -> Self:
        """Open a file, a folder (its `registry.db`) or a database URL; what is absent is made.

        Raises:
            ArtifactError: it cannot be opened, or a newer release wrote it.
        """
        from ..store.database import Database

        return cls(Database.open(where), clock)

    def register(
        self, manifest: Manifest, root: str | PathLike[str] = ".", *, who: str = "", why: str = ""
    ) -> Manifest:
        """Record a version; relative paths in it are under `root`. Gives it back with its content's digest.

        Raises:
            ArtifactError: its file is absent. DigestMismatch: its file is not the one that it names.
            AlreadyRegistered: this `name@version` exists with other content.
        """
        from ..store.schema import models

        folder = Path(root).absolute()
        pinned = pin(manifest, folder)
        digest = pinned.digest.value if pinned.digest else ""
        file = backend_file(pinned, folder)
        facts: dict[str, Any] = {
            "identity": pinned.identity(),
            "digest": digest,
            "stage": pinned.stage.value,
            "root": str(folder),
            "path": None if file is None else str(file),
        }
        with self._database.write() as connection:
            known = self._row(connection, pinned.id)
            if known is not None:
                if known["identity"] != facts["identity"]:
                    raise AlreadyRegistered(pinned.id, known["digest"])
                return _manifest(known)
            event = self._append(connection, "registered", pinned.id, who, why, facts)
            connection.execute(
                models.insert().values(
                    sequence=event.sequence,  # rises with the order of registration
                    name=pinned.name,
                    version=pinned.version,
                    role=pinned.role.value,
                    stage=pinned.stage.value,
                    identity=facts["identity"],
                    digest=digest,
                    root=str(folder),
                    path=facts["path"],
                    manifest=pinned.canonical(),
                    registered_at=event.at,
                )
            )
        return pinned

    def list(
        self, name: str | None = None, stage: Stage | str | None = None, role: Role | str | None = None
    ) -> Manifests:
        """The versions that fit, in the order of their registration."""
        from ..store.schema import models

        query = models.select().order_by(models.c.sequence)
        if name is not None:
            query = query.where(models.c.name == name)
        if stage is not None:
            query = query.where(models.c.stage == Stage(stage).value)
        if role is not None:
            query = query.where(models.c.role == Role(role).value)
        with self._database.read() as connection:
            return [_manifest(row) for row in connection.execute(query).mappings()]

    def show(self, model: str) -> Manifest:
        """One version: `name@version`, or the newest of a bare `name`.

        Raises:
            UnknownModel: with those that are known.
        """
        with self._database.read() as connection:
            return _manifest(self._known(connection, model))

    def versions(self, name: str) -> Manifests:
        """All versions of one name, the oldest first.

        Raises:
            UnknownModel: with those that are known.
        """
        self.show(name)
        return self.list(name.partition("@")[0])

    def file(self, model: str) -> Path | None:
        """Where a version's file was when it was registered; `None` for a backend without one."""
        with self._database.read() as connection:
            path: str | None = self._known(connection, model)["path"]
        return None if path is None else Path(path)

    def root(self, model: str) -> Path:
        """The folder that a version's relative paths are under."""
        with self._database.read() as connection:
            return Path(self._known(connection, model)["root"])

    def set_stage(self, model: str, stage: Stage | str, *, who: str = "", why: str = "") -> Manifest:
        """Move a version to `stage` and record it; where it is already, nothing is written.

        Which moves are allowed is the lifecycle's question; here every move is remembered.

        Raises:
            UnknownModel: with those that are known.
        """
        from ..store.schema import models

        to = Stage(stage)
        with self._database.write() as connection:
            row = self._known(connection, model)
            now = _manifest(row)
            if now.stage is to:
                return now
            facts = {"from": now.stage.value, "to": to.value}
            self._append(connection, "stage", now.id, who, why, facts)
            this = models.c.sequence == row["sequence"]
            connection.execute(models.update().where(this).values(stage=to.value))
        return now.model_copy(update={"stage": to})

    def history(self, model: str | None = None) -> Events:
        """What happened, the oldest first: to all models, to all versions of a name, or to one version.

        Raises:
            UnknownModel: with those that are known.
        """
        from ..store.schema import history

        query = history.select().order_by(history.c.sequence)
        with self._database.read() as connection:
            if model is not None:
                self._known(connection, model)
                which = history.c.model
                every_version = which.startswith(f"{model}@", autoescape=True)
                query = query.where(which == model if "@" in model else every_version)
            return [_event(row) for row in connection.execute(query).mappings()]

    def verify(self) -> None:
        """Check the chain from its first event on, and every version against what the chain says of it.

        Raises:
            ArtifactError: names the first event that was changed, or the version that disagrees.
        """
        from ..store.schema import history, models
        from .verification import first_break

        with self._database.read() as connection:
            events = connection.execute(history.select().order_by(history.c.sequence)).all()
            versions = connection.execute(models.select().order_by(models.c.sequence)).all()
        broken = first_break([row._asdict() for row in events], [row._asdict() for row in versions])
        if broken is not None:
            fix = "restore the registry from a copy; what comes before is as it was written"
            raise ArtifactError(self._database.where, broken, fix)

    def close(self) -> None:
        """Refuse further use; closing twice is allowed."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Registry({self._database.where!r})"

    def _row(self, connection: Connection, model: str) -> RowMapping | None:
        """The row of `name@version`, or of the newest version of a bare `name`."""
        from ..store.schema import models

        name, at, version = model.partition("@")
        query = models.select().where(models.c.name == name).order_by(models.c.sequence.desc()).limit(1)
        if at:
            query = query.where(models.c.version == version)
        return connection.execute(query).mappings().one_or_none()

    def _known(self, connection: Connection, model: str) -> RowMapping:
        from ..store.schema import models

        row = self._row(connection, model)
        if row is None:
            rows = connection.execute(models.select().order_by(models.c.sequence)).mappings()
            raise UnknownModel(model, tuple(f"{row['name']}@{row['version']}" for row in rows))
        return row

    def _append(
        self, connection: Connection, kind: str, model: str, who: str, why: str, facts: dict[str, Any]
    ) -> HistoryEvent:
        from ..store.schema import history

        newest = history.select().order_by(history.c.sequence.desc()).limit(1)
        row = connection.execute(newest).mappings().one_or_none()
        last = None if row is None else _event(row)
        event = follow(last, at=self._clock(), kind=kind, model=model, who=who, why=why, facts=facts)
        values = {column.name: getattr(event, column.name) for column in history.columns}
        connection.execute(history.insert().values(values | {"facts": canonical_json(event.facts)}))
        return event


def _manifest(row: RowMapping) -> Manifest:
    return Manifest.model_validate(json.loads(row["manifest"]) | {"stage": row["stage"]})


def _event(row: RowMapping) -> HistoryEvent:
    return HistoryEvent(**(dict(row) | {"facts": json.loads(row["facts"])}))
