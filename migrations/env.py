"""What Alembic runs: the open transaction comes from `services.migrate`; a developer's `alembic` command opens its own."""

import os

from alembic import context

import services.accounts.models
import services.documents.sql
import services.log_store.elasticsearch.models
import services.log_store.elasticsearch.shape_models  # noqa: F401 declare their tables
from services.database import Database, Model


def run(connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
        transaction_per_migration=False,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(os.environ["DATABASE_URL"]).session() as session:
        run(session.connection())
