"""The store opens what is its own, brings it up to date, refuses the rest, and gives transactions that hold."""

from __future__ import annotations

import io
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, inspect, select, text

from ecology.errors import ArtifactError, MissingExtra
from ecology.store import migrations, schema
from ecology.store.database import Database, wal_is_safe

EVENT = {"at": "", "kind": "k", "model": "m@1", "who": "", "why": "", "facts": "{}"}
FIRST = EVENT | {"sequence": 1, "previous": "0" * 64, "hash": "a"}
MODEL = {
    "sequence": 1, "name": "m", "version": "1", "role": "specialist", "stage": "active", "identity": "i", "digest": "d",
    "root": "/", "path": None, "manifest": "{}", "registered_at": "",
}  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Any:
    opened = Database.open(tmp_path / "store.db")
    yield opened
    opened.close()


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(schema.history)).scalar_one()


# --- opening ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_url", [False, True])
def test_a_store_that_is_absent_is_made_with_its_folders(tmp_path: Path, as_url: bool) -> None:
    path = tmp_path / "a" / "100%" / "store.db"
    database = Database.open(f"sqlite:///{path}" if as_url else path)
    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) == {"models", "history", "alembic_version"}
    assert database.where == str(path)
    database.close()


def test_a_folder_stands_for_the_registry_in_it(tmp_path: Path) -> None:
    Database.open(tmp_path).close()
    assert (tmp_path / "registry.db").is_file()


def test_the_schema_is_what_the_migrations_lead_to(database: Database) -> None:
    assert ScriptDirectory.from_config(migrations.config()).get_heads() == [schema.REVISION]
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_the_migration_guards_postgresql_too() -> None:
    settings = migrations.config()
    settings.attributes["dialect"] = "postgresql"
    written = io.StringIO()
    settings.output_buffer = written
    command.upgrade(settings, "head", sql=True)
    sql = written.getvalue()
    assert sql.count("CREATE TRIGGER") == 5
    assert "BEFORE UPDATE OR DELETE ON history" in sql
    assert "RAISE(ABORT" not in sql


def test_alembic_is_loaded_only_when_the_schema_differs(tmp_path: Path) -> None:
    program = (
        "import sys; from ecology.store.database import Database; "
        f"Database.open({str(tmp_path / 's.db')!r}).close(); print('alembic' in sys.modules)"
    )
    run = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in "12"]
    assert [done.stdout.strip() for done in run] == ["True", "False"]


def test_a_store_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    Database.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ArtifactError, match=r"a newer release wrote it \(schema r9999\); upgrade ecology"):
        Database.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("where", "piece"),
    [
        (":memory:", "a registry outlives its process"),
        ("sqlite://", "a registry outlives its process"),
        ("://", "it is not a database URL"),
        ("oracular://x/y", "nothing can open oracular"),
    ],
)
def test_what_is_no_store_is_refused(where: str, piece: str) -> None:
    with pytest.raises(ArtifactError, match=piece):
        Database.open(where)


def junk(path: Path) -> None:
    path.write_bytes(b"this is not a database, but it is long enough to look at" * 100)


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE history (url TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "piece"),
    [
        (junk, "not a database"),
        (foreign, "history already exists"),
        (lambda path: path.parent.joinpath("s.db").mkdir() or (path / "registry.db").mkdir(), "cannot be opened"),
    ],
)
def test_a_file_that_is_something_else_is_refused_and_not_changed(
    tmp_path: Path, prepare: Callable[[Path], Any], piece: str
) -> None:
    path = tmp_path / "s.db"
    prepare(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(ArtifactError, match=piece):
        Database.open(path)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r'pip install "psycopg\[binary\]'):
        Database.open("postgresql+psycopg://nobody@nowhere/nothing")


# --- journal ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 6, 23), False),  # before WAL
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 9), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_a_write_ahead_log_is_used_only_where_its_reset_is_repaired(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 3)])
def test_the_journal_follows_the_version_also_of_a_file_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    path = tmp_path / "s.db"
    Database.open(path).close()
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    database = Database.open(path)
    with database.read() as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
        keys = connection.execute(text("PRAGMA foreign_keys")).scalar_one()
    database.close()
    assert (mode, keys) == ("wal" if wal_is_safe(version) else "delete", 1)


# --- transactions -----------------------------------------------------------------------------------------


def test_an_exception_undoes_what_was_written(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        connection.execute(insert(schema.history).values(FIRST))
        raise KeyError
    assert count(database) == 0


def test_writers_take_turns_from_their_first_read_on(database: Database) -> None:
    """Each reads the newest event and writes the next one; without the lock two would read the same."""
    threads, each = 6, 5
    start = threading.Barrier(threads)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            start.wait()
            for _ in range(each):
                with database.write() as connection:
                    last = connection.execute(select(func.max(schema.history.c.sequence))).scalar() or 0
                    before = connection.execute(
                        select(schema.history.c.hash).where(schema.history.c.sequence == last)
                    ).scalar()
                    row = {"sequence": last + 1, "previous": before or "0" * 64, "hash": f"h{last + 1}"}
                    connection.execute(insert(schema.history).values(EVENT | row))
        except BaseException as error:  # noqa: BLE001  # told to the test below
            failed.append(error)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    assert count(database) == threads * each


@pytest.mark.parametrize("names", [["s"] * 6, list("abcdef")], ids=["one", "many"])
def test_threads_that_open_new_stores_at_once_all_get_theirs(tmp_path: Path, names: list[str]) -> None:
    start = threading.Barrier(6)
    outcomes: list[object] = []

    def work(name: str) -> None:
        start.wait()
        try:
            database = Database.open(tmp_path / name)
            outcomes.append(count(database))
            database.close()
        except BaseException as error:  # noqa: BLE001  # told to the test below
            outcomes.append(error)

    workers = [threading.Thread(target=work, args=(name,)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert outcomes == [0] * 6


def test_a_lock_that_is_never_given_back_ends_in_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecology.store.database.BUSY_SECONDS", 0.05)
    database = Database.open(tmp_path / "s.db")
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ArtifactError, match="locked"), database.write():
        pass
    other.execute("ROLLBACK")
    other.close()
    with database.write() as connection:
        connection.execute(insert(schema.history).values(FIRST))
    database.close()


def test_a_closed_store_refuses_and_may_be_closed_again(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(ArtifactError, match=r"closed; open it again"), database.read():
        pass


# --- what the store itself refuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history SET why = 'other'",
        "UPDATE history SET sequence = 7",
        "DELETE FROM history",
        "REPLACE INTO history SELECT * FROM history",
        "INSERT OR REPLACE INTO history SELECT sequence, at, kind, 'n@1', who, '', facts, previous, 'b' FROM history",
        "INSERT INTO history SELECT 3, at, kind, model, who, why, facts, hash, 'b' FROM history",
        "INSERT INTO history SELECT 2, at, kind, model, who, why, facts, 'x', 'b' FROM history",
        "UPDATE models SET manifest = '{1}'",
        "UPDATE models SET name = 'n'",
        "UPDATE models SET path = '/'",
        "DELETE FROM models",
        "REPLACE INTO models SELECT * FROM models",
        "UPDATE OR REPLACE models SET version = '2'",
    ],
)
def test_what_was_written_cannot_be_changed(database: Database, statement: str) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.history).values(FIRST))
        connection.execute(insert(schema.models).values(MODEL))
    with pytest.raises(ArtifactError, match=r"append-only|never changes"), database.write() as connection:
        connection.execute(text(statement))
    with database.read() as connection:
        assert dict(connection.execute(select(schema.history)).mappings().one()) == FIRST
        assert dict(connection.execute(select(schema.models)).mappings().one()) == MODEL


def test_what_may_be_written_is_not_refused(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.history).values(FIRST))
        connection.execute(insert(schema.history).values(FIRST | {"sequence": 2, "previous": "a", "hash": "b"}))
        connection.execute(insert(schema.models).values(MODEL))
        connection.execute(text("UPDATE models SET stage = 'archived'"))
    assert count(database) == 2
