"""Alembic's entry: runs one schema's history over the connection that `cashback migrate` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
schema = context.config.attributes["schema"]

context.configure(connection=connection, version_table="schema_history", version_table_schema=schema)
with context.begin_transaction():
    context.run_migrations()
