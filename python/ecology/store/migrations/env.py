"""What alembic runs: on the connection that it is handed, or into a script of SQL for a `dialect`."""

from __future__ import annotations

from alembic import context

from ecology.store.schema import metadata


def run() -> None:
    """Go through the revisions that alembic has chosen."""
    given = context.config.attributes
    if "connection" in given:
        context.configure(connection=given["connection"], target_metadata=metadata)
    else:
        context.configure(dialect_name=given["dialect"], target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if hasattr(context, "config"):  # absent when anybody but alembic imports this file
    run()
