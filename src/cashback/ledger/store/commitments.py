"""What all budgets together come to, and the lock of whoever changes that."""

from typing import Final

from cashback.kernel.db import Tx
from cashback.kernel.money import TOKEN_DECIMALS, Minor, TokenUnits
from cashback.ledger.model import Commitments

_BUDGETS: Final = "budgets of all programmes"
"""Names the lock that everybody takes who puts money into a budget, or says who takes which currency."""


async def lock(tx: Tx) -> None:
    """Have everybody else who funds a budget, or starts or ends a programme, wait until `tx` ends."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", {"name": _BUDGETS})


async def read(tx: Tx, *, currency: str) -> Commitments:
    """Return what every funded campaign may pay in all: the budgets in `currency`, and all of them in tokens.

    What programmes paid by hand, past their campaigns, counts with them.
    """
    cursor = await tx.execute(
        """
        select coalesce(sum(-funding.balance) filter (where programme.currency = %(currency)s), 0),
               coalesce(sum(div(
                   -funding.balance * 10::numeric ^ %(decimals)s * token_rate_numerator,
                   10::numeric ^ exponent * token_rate_denominator)), 0)
        from ledger.programmes as programme
        cross join lateral (
            select programme.id
            union all
            select id
            from ledger.campaigns
            where programme_id = programme.id
        ) as payer (id)
        join ledger.accounts as funding
          on funding.owner = payer.id and funding.kind = 'funding' and funding.currency = programme.currency
        """,
        {"currency": currency, "decimals": TOKEN_DECIMALS},
    )
    row = await cursor.fetchone()
    if row is None:
        return Commitments()
    return Commitments(budget=Minor(int(row[0])), token_units=TokenUnits(int(row[1])))
