"""Void slots: a nonce whose call must not be sent any more, and that a no-op is to fill instead.

The call stays as it was written, and what was signed for it is public; only the kind says that nothing of it is offered
again. A slot of kind `mint` becomes one when a deep reorganisation is booked back and the call carries a number that is
to be retired again.
"""

from cashback.kernel.migrations import run

revision = "0008"
down_revision = "0007"

CHANGES = """
alter table chain.slots
    drop constraint slot_kind_known,
    add constraint slot_kind_known check (kind in ('mint', 'noop', 'retire', 'adopted', 'void'));
"""


def upgrade() -> None:
    """Widen the list of kinds; the adapter may set them since it adopts slots."""
    run(CHANGES)
