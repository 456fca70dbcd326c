"""Where purchases says that a user's tokens go, held against where the ledger sends them."""

from typing import Final

from cashback.kernel.db import Database, long_statements
from cashback.ledger.service.readings import WHOLE_LEDGER_S_MAX
from cashback.processes.reconcile.findings import Finding, Kind, finding

WALLETS_MAX: Final = 1_000


async def wallet_findings(database: Database) -> list[Finding]:
    """Return a difference for every user whose newest wallet is not the ledger's, at most `WALLETS_MAX`.

    One statement over the two schemas of one database: between two of them a wallet could be set.

    Raises:
        Unavailable: the database did not answer within `WHOLE_LEDGER_S_MAX` seconds.
    """
    async with database.transaction() as tx, long_statements(tx, within_s=WHOLE_LEDGER_S_MAX):
        cursor = await tx.execute(
            """
            select user_id, newest.address, recipient.wallet
            from (
                select distinct on (user_id) user_id, address
                from purchases.wallets
                order by user_id, position desc
            ) as newest
            full join ledger.recipients as recipient using (user_id)
            where lower(newest.address) is distinct from lower(recipient.wallet)
            limit %(limit)s
            """,
            {"limit": WALLETS_MAX},
        )
        return [
            finding(Kind.WALLET_DIFFERS, f"user {user}", expected=shown or "no wallet", found=used or "no wallet")
            for user, shown, used in await cursor.fetchall()
        ]
