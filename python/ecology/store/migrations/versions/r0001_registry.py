"""The registry: versions of models, and their history, which the store itself keeps append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

GENESIS = "0" * 64
APPEND_ONLY = "history is append-only"
FOR_EVER = "a registered version never changes, except for its stage"
CONTENT = "sequence, name, version, role, identity, digest, root, path, manifest, registered_at"

# An INSERT OR REPLACE deletes without firing a delete trigger, so an insert has to continue the chain.
SQLITE = (
    f"""CREATE TRIGGER history_update BEFORE UPDATE ON history
        BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END""",
    f"""CREATE TRIGGER history_delete BEFORE DELETE ON history
        BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END""",
    f"""CREATE TRIGGER history_insert BEFORE INSERT ON history
        WHEN NEW.sequence IS NOT (SELECT COALESCE(MAX(sequence), 0) + 1 FROM history)
          OR NEW.previous IS NOT COALESCE((SELECT hash FROM history ORDER BY sequence DESC LIMIT 1), '{GENESIS}')
        BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}: an event continues the last one'); END""",
    f"""CREATE TRIGGER models_update BEFORE UPDATE OF {CONTENT} ON models
        BEGIN SELECT RAISE(ABORT, '{FOR_EVER}'); END""",
    f"""CREATE TRIGGER models_delete BEFORE DELETE ON models
        BEGIN SELECT RAISE(ABORT, '{FOR_EVER}'); END""",
    f"""CREATE TRIGGER models_insert BEFORE INSERT ON models
        WHEN EXISTS (SELECT 1 FROM models WHERE (name = NEW.name AND version = NEW.version)
                                             OR sequence = NEW.sequence)
        BEGIN SELECT RAISE(ABORT, '{FOR_EVER}'); END""",
)
POSTGRESQL = (
    """CREATE FUNCTION ecology_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$""",
    f"""CREATE TRIGGER history_change BEFORE UPDATE OR DELETE ON history
        FOR EACH ROW EXECUTE FUNCTION ecology_refuse('{APPEND_ONLY}')""",
    f"""CREATE TRIGGER history_truncate BEFORE TRUNCATE ON history
        FOR EACH STATEMENT EXECUTE FUNCTION ecology_refuse('{APPEND_ONLY}')""",
    f"""CREATE TRIGGER models_update BEFORE UPDATE OF {CONTENT} ON models
        FOR EACH ROW EXECUTE FUNCTION ecology_refuse('{FOR_EVER}')""",
    f"""CREATE TRIGGER models_delete BEFORE DELETE ON models
        FOR EACH ROW EXECUTE FUNCTION ecology_refuse('{FOR_EVER}')""",
    f"""CREATE TRIGGER models_truncate BEFORE TRUNCATE ON models
        FOR EACH STATEMENT EXECUTE FUNCTION ecology_refuse('{FOR_EVER}')""",
)
GUARDS = {"sqlite": SQLITE, "postgresql": POSTGRESQL}  # elsewhere only the chain of hashes guards


def upgrade() -> None:
    """Make both tables and their guards."""
    op.create_table(
        "models",
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("identity", sa.String(71), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("path", sa.Text),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("registered_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_models")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_models_name_version")),
    )
    op.create_table(
        "history",
        sa.Column("sequence", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("model", sa.String(129), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_history")),
        sa.UniqueConstraint("hash", name=op.f("uq_history_hash")),
    )
    op.create_index(op.f("ix_history_model"), "history", ["model"])
    for statement in GUARDS.get(op.get_context().dialect.name, ()):
        op.execute(statement)


def downgrade() -> None:
    """Refused: going back would drop the history."""
    raise NotImplementedError("a registry does not go back: restore a copy")
