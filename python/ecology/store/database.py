"""Opens the store and hands out transactions.

Two things that a store gets wrong in silence are decided here once. *The journal:* SQLite up to 3.51.2 can lose
committed pages when a write-ahead log is reset, so it is used only where that is repaired. *The lock:* a
transaction that reads, decides and writes takes the write lock when it begins; two that both began by reading
could otherwise decide on the same state.

Connections are not pooled for SQLite: a registry is opened rarely, and a connection must not cross a fork.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from ..errors import ArtifactError, MissingExtra
from . import migrations, schema

__all__ = ["Database", "wal_is_safe"]

BUSY_SECONDS = 10.0
ADVISORY_LOCK = 0x65636F6C6F6779  # "ecology": the lock that writers of a PostgreSQL store take
_opening = threading.Lock()  # alembic keeps its state in module globals


class Database:
    """An open store. Every use is a transaction; leaving it by an exception undoes it.

    Raises:
        ArtifactError: the store cannot be opened, read or written, or belongs to a newer release.
    """

    def __init__(self, engine: Engine, where: str) -> None:
        self.engine = engine
        self.where = where
        self._closed = False

    @classmethod
    def open(cls, where: str | PathLike[str]) -> Self:
        """Open the store at a path or database URL; a file that is absent is made, an old schema brought up."""
        url = _url(where)
        try:
            engine = _sqlite_engine(url) if url.get_backend_name() == "sqlite" else create_engine(url)
        except ImportError as error:
            raise MissingExtra("postgres", f"a driver for {url.drivername}", _driver(url)) from error
        except NoSuchModuleError as error:
            known = "write a path, sqlite:///PATH or postgresql+psycopg://…"
            raise ArtifactError(str(where), f"nothing can open {url.drivername}", known) from error
        database = cls(engine, url.database or "" if engine.name == "sqlite" else str(url))
        try:
            database._bring_up_to_date()
        except BaseException:
            engine.dispose()
            raise
        return database

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state throughout."""
        with self._translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that nobody else's write can come between; it waits for its turn first."""
        with self._translated(), self.engine.connect() as connection:
            connection = connection.execution_options(ecology_begin="BEGIN IMMEDIATE")
            with connection.begin():
                if self.engine.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
                yield connection

    def close(self) -> None:
        """Refuse further use; closing twice is allowed."""
        self._closed = True
        self.engine.dispose()

    def _bring_up_to_date(self) -> None:
        with self.read() as connection:
            if _revision(connection) == schema.REVISION:
                return
        with _opening, self.write() as connection:
            found = _revision(connection)  # again: somebody may have been faster
            if found is not None and found not in migrations.known():
                fix = "upgrade ecology, or open another registry"
                raise ArtifactError(self.where, f"a newer release wrote it (schema {found})", fix)
            migrations.upgrade(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._closed:
            raise ArtifactError(self.where, "this registry is closed", "open it again with Registry.open(…)")
        try:
            yield
        except DBAPIError as error:
            reason = str(error.orig).partition("\n")[0]
            if "locked" in reason:
                fix = f"another process has held it for {BUSY_SECONDS:g} s; try again when that has ended"
            elif "append-only" in reason or "never change" in reason:
                fix = "write a new event or a new version instead"
            else:
                fix = "give the path of a registry that can be written"
            raise ArtifactError(self.where, f"the store refused: {reason}", fix) from error


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite resets a write-ahead log without losing pages (fixed in 3.51.3, 3.50.7, 3.44.6).

    >>> wal_is_safe((3, 40, 1)), wal_is_safe((3, 50, 7)), wal_is_safe((3, 51, 2)), wal_is_safe((3, 52, 0))
    (False, True, False, True)
    """
    repaired = {(3, 44): 6, (3, 50): 7}
    return version >= (3, 51, 3) or version[2] >= repaired.get((version[0], version[1]), 1_000_000)


def _url(where: str | PathLike[str]) -> URL:
    if isinstance(where, str) and "://" in where:
        try:
            url = make_url(where)
        except ArgumentError as error:
            raise ArtifactError(where, "it is not a database URL", "write a path, or sqlite:///PATH") from error
        if url.get_backend_name() != "sqlite":
            return url
        where = url.database or ":memory:"
    if str(where) == ":memory:":
        raise ArtifactError(":memory:", "a registry outlives its process", "give the path of a file")
    path = Path(where).absolute()
    if path.is_dir():
        path /= "registry.db"
    return URL.create("sqlite", database=str(path))


def _driver(url: URL) -> str:
    return 'pip install "psycopg[binary]>=3.2"' if "postgres" in url.drivername else f"pip install {url.drivername}"


def _sqlite_engine(url: URL) -> Engine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(str(path), f"its folder cannot be made: {error.strerror}") from error
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver would begin a transaction at a moment of its own
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("ecology_begin", "BEGIN"))

    journal = "WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "DELETE"
    _set_journal(path, journal)
    return engine


def _set_journal(path: Path, journal: str) -> None:
    """The mode is kept in the file, so it is set once, outside of any transaction."""
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != journal:
                connection.execute(f"PRAGMA journal_mode = {journal}")
        finally:
            connection.close()
    except sqlite3.Error as error:
        fix = "give the path of an SQLite file, or of one that may be made"
        raise ArtifactError(str(path), f"it cannot be opened: {error}", fix) from error


def _revision(connection: Connection) -> str | None:
    """The revision that the store says it is at; `None` for one that was never set up."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(select(text("version_num")).select_from(text("alembic_version"))).scalar()
