"""A user's cashbacks are listed by their ids alone: the index by their positions, which nothing reads, goes.

Each purchase and each step of a cashback writes an entry less. It is dropped beside writers, once this has committed.
"""

revision = "0044"
down_revision = "0043"

beside = {"cashback_of_user": None}


def upgrade() -> None:
    """Change nothing else."""
