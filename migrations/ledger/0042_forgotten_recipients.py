"""Where a user's tokens go is forgotten when the user is erased; what was requested goes where it was going."""

from cashback.kernel.migrations import run

revision = "0042"
down_revision = "0041"

UNLINKING = r"""
create function ledger.unlink_wallet(whom text) returns boolean
language plpgsql security definer set search_path = ledger, pg_temp as $$
begin
    delete from recipients where user_id = whom;
    return found;
end
$$;
revoke execute on function ledger.unlink_wallet from public;
grant execute on function ledger.unlink_wallet to cashback_api;
"""


def upgrade() -> None:
    """Let the API have one forgotten; it can delete nothing by itself."""
    run(UNLINKING)
