"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Apply; every statement is safe beside the previous release's code."""
    ${upgrades if upgrades else "op.execute('')"}
