"""A database with much in it that was bought, returned and earned, and what a statement reads there."""

from collections.abc import Iterator
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from tests.integration.ledger.world import START

MANY: Final = 100_000
RETURNED: Final = 40_000
PARKED: Final = 20_000
LARGE: Final = "mer_large"
OF_LARGE: Final = 30_000
SELDOM: Final = "usr_000012"
OF_SELDOM: Final = 120
MINTED: Final = 20_000
MERCHANTS: Final = 50
USERS: Final = 5_000

FILLED: Final = f"""
    insert into purchases.users (id, reference, is_blocked, created_at)
    select 'usr_' || lpad(nth::text, 6, '0'), 'customer ' || nth, mod(nth, 1000) = 0, %(at)s
    from generate_series(0, {USERS} - 1) as nth;
    insert into purchases.wallets (user_id, address, linked_at)
    select 'usr_' || lpad(nth::text, 6, '0'), '0x' || lpad(to_hex(nth + 1), 40, '0'), %(at)s
    from generate_series(0, {USERS} - 1) as nth;
    insert into purchases.purchases (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at,
        received_at, created_at)
    select 'pur_' || lpad(nth::text, 6, '0'), 'mer_' || mod(nth, {MERCHANTS}),
           'usr_' || lpad(mod(nth, {USERS})::text, 6, '0'), 'order ' || nth, 100,
           case when mod(nth, 10) = 0 then 'EUR' else 'USD' end, %(at)s, %(at)s, %(at)s
    from generate_series(0, {MANY} - 1) as nth;
    insert into purchases.purchases (id, merchant_id, user_id, amount_minor, currency, occurred_at, received_at,
        created_at)
    select 'pur_' || lpad((3 * nth)::text, 6, '0') || 'l', '{LARGE}',
           case when mod(nth, {OF_LARGE // OF_SELDOM}) = 0 then '{SELDOM}' else 'usr_large' end, 100, 'USD', %(at)s,
           %(at)s, %(at)s
    from generate_series(0, {OF_LARGE} - 1) as nth;
    insert into purchases.refunds (id, purchase_id, merchant_id, reference, kind, reason, amount_minor, answer,
        created_at)
    select 'rfd_' || lpad(nth::text, 6, '0'), 'pur_' || lpad(mod(nth, {RETURNED} / 5)::text, 6, '0'),
           'mer_' || mod(mod(nth, {RETURNED} / 5), {MERCHANTS}), 'return ' || nth, 'refund', 'sent back', 1, '{{}}',
           %(at)s
    from generate_series(0, {RETURNED} - 1) as nth;
    insert into purchases.parked_refunds (id, merchant_id, purchase_reference, kind, reason, amount_minor, parked_at,
        ended_at, outcome)
    select 'rfd_' || lpad(nth::text, 6, '0'), 'mer_' || mod(nth, {MERCHANTS}), 'order ' || nth, 'refund', 'sent back',
           1, %(at)s, case when mod(nth, 101) <> 3 then %(at)s end, case when mod(nth, 101) <> 3 then 'applied' end
    from generate_series(0, {PARKED} - 1) as nth;
    insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor,
        amount_minor, token_units, net_minor, payable_minor, payable_units, state, reason, created_at, approved_at)
    select 'cb_' || lpad(nth::text, 6, '0'), 'pur_' || lpad(nth::text, 6, '0'),
           'usr_' || lpad(mod(nth, {USERS})::text, 6, '0'), 'mer_' || mod(nth, {MERCHANTS}), 'prg_x', 'USD', 100, 100,
           100, 100, case when mod(nth, 1000) = 1 then 0 else 100 end, case when mod(nth, 1000) = 1 then 0 else 100 end,
           case when mod(nth, 1000) = 1 then 'expired' else 'approved' end, 'granted', %(at)s, %(at)s
    from generate_series(0, {MANY} - 1) as nth;
    insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, currency, desired_minor, amount_minor,
        token_units, net_minor, payable_minor, payable_units, state, reason, created_at)
    select 'cb_' || substr(id, 5), id, user_id, merchant_id, 'USD', 0, 0, 0, 0, 0, 0, 'declined', 'no_programme', %(at)s
    from purchases.purchases
    where merchant_id = '{LARGE}'
      and user_id = '{SELDOM}';
    insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor,
        amount_minor, token_units, net_minor, payable_minor, payable_units, requested_units, state, reason, created_at,
        approved_at, mint_number, recipient, request, requested_at, reissue_after)
    select 'cb_' || lpad((3 * nth)::text, 6, '0') || 'm', 'pur_minted_' || nth, 'usr_large',
           case when mod(nth, 3) = 0 then '{LARGE}' else 'mer_' || mod(nth, {MERCHANTS}) end, 'prg_x', 'USD', 100, 100,
           100, 100, 100, 100, 100, 'mint_requested', 'granted', %(at)s, %(at)s, nth + 1, '0x' || repeat('1', 40), '',
           %(at)s, %(at)s
    from generate_series(0, {MINTED} - 1) as nth
"""
"""100,000 purchases of 5,000 users at 50 merchants, five refunds of 8,000 of them, and as many cashbacks.

And among them 30,000 of one large merchant, all in USD, 120 of these of a user who buys elsewhere as well and earned
nothing by them, and 20,000 mints, of which a third is its own. 20,000 refunds came before their purchase, of which 198
wait still.
"""


class Explained:
    """A transaction that keeps the plan of each statement, as it was carried out, and then answers it."""

    def __init__(self, tx: Tx) -> None:
        """Have kept no plan yet."""
        self._tx = tx
        self.plans: list[dict[str, Any]] = []

    async def execute(
        self, statement: str, parameters: dict[str, object] | None = None
    ) -> psycopg.AsyncCursor[TupleRow]:
        """Carry a statement out twice: for its plan and for its answer."""
        cursor = await self._tx.execute(f"explain (analyze, format json) {statement}", parameters)
        [([told],)] = await cursor.fetchall()
        self.plans.append(told["Plan"])
        return await self._tx.execute(statement, parameters)

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Give the steps of all plans."""
        pending = [*self.plans]
        while pending:
            node = pending.pop()
            yield node
            pending += node.get("Plans", ())

    def indexes(self) -> set[str]:
        """Return the indexes that were used."""
        return {node["Index Name"] for node in self.nodes() if "Index Name" in node}

    def is_by_indexes(self) -> bool:
        """Tell whether no table was read from its one end to its other."""
        return not any(node["Node Type"] == "Seq Scan" for node in self.nodes())

    def rows_read(self) -> int:
        """Return how many rows came from tables, those included that a condition then left out."""
        scans = [node for node in self.nodes() if "Relation Name" in node]
        return sum(
            node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) for node in scans
        )


def fill(dsn: str) -> None:
    """Fill a database by its superuser; what its triggers and one constraint would say is left out."""
    with psycopg.connect(dsn) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("alter table ledger.cashback_ledger drop constraint cashback_net_explained")
        for statement in FILLED.split(";"):
            connection.execute(statement.encode(), {"at": START})
        connection.commit()
        connection.autocommit = True
        connection.execute(
            "vacuum analyze purchases.purchases, purchases.refunds, purchases.parked_refunds, purchases.users,"
            " purchases.wallets, ledger.cashback_ledger"
        )
