"""New cashbacks with their decisions, and the wallets they will go to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cashback.kernel.db import Tx
from cashback.ledger.model import Accrual
from cashback.ledger.store.books import POSTED, Moves, columns_of


async def insert(tx: Tx, accruals: Sequence[Accrual], moves: Moves, *, actor: str, at: datetime) -> int:
    """Store a cashback, its decision and its first transition for each accrual, in the order given, and what they move.

    Returns how many balances still were as they had been.
    """
    cursor = await tx.execute(
        f"""
        with given as (
            select *
            from unnest(
                %(ids)b::text[], %(purchases)b::text[], %(users)b::text[], %(merchants)b::text[],
                %(programmes)b::text[], %(currencies)b::text[], %(desired)b::bigint[], %(amounts)b::bigint[],
                %(tokens)b::bigint[], %(states)b::text[], %(reasons)b::text[], %(traces)b::text[],
                %(documents)b::bytea[], %(grants)b::bytea[], %(holds)b::timestamptz[]
            ) with ordinality as given (
                id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor, amount_minor,
                token_units, state, reason, traceparent, document, grants, hold_until, place)
        ),
        stored as (
            insert into ledger.cashback_ledger (
                id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor, amount_minor,
                token_units, state, reason, traceparent, created_at, net_minor, payable_minor, payable_units,
                approved_at, grants, hold_until)
            select id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor, amount_minor,
                   token_units, state, reason, traceparent, %(at)s, amount_minor, amount_minor, token_units,
                   case when state = 'approved' then %(at)s end, grants, hold_until
            from given
            order by place
        ),
        decided as (
            insert into ledger.decisions (cashback_id, document)
            select id, document
            from given
            order by place
        ),
        begun as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, null, state, %(actor)s, reason, %(at)s
            from given
            order by place
        ),
        {POSTED}
        select count(*)
        from moved
        """,
        {**_columns(accruals), **columns_of(moves), "actor": actor, "at": at},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


def _columns(accruals: Sequence[Accrual]) -> dict[str, list[Any]]:
    """Return the accruals as arrays."""
    claims = [accrual.claim for accrual in accruals]
    verdicts = [accrual.judgement.verdict for accrual in accruals]
    programmes = [accrual.judgement.programme for accrual in accruals]
    return {
        "ids": [accrual.cashback_id for accrual in accruals],
        "purchases": [claim.purchase_id for claim in claims],
        "users": [claim.user_id for claim in claims],
        "merchants": [claim.facts.merchant_id for claim in claims],
        "programmes": [programme and programme.id for programme in programmes],
        "currencies": [accrual.currency for accrual in accruals],
        "desired": [verdict.desired for verdict in verdicts],
        "amounts": [accrual.amount for accrual in accruals],
        "tokens": [accrual.token_units for accrual in accruals],
        "states": [accrual.state.value for accrual in accruals],
        "reasons": [verdict.reason.value for verdict in verdicts],
        "traces": [claim.traceparent for claim in claims],
        "documents": [accrual.document for accrual in accruals],
        "grants": [accrual.grants for accrual in accruals],
        "holds": [accrual.hold_until for accrual in accruals],
    }


async def upsert_recipients(tx: Tx, wallets: Mapping[str, str], *, at: datetime) -> None:
    """Set the wallet of each user from now on; what was requested before keeps its own."""
    users = sorted(wallets)
    await tx.execute(
        """
        insert into ledger.recipients as known (user_id, wallet, linked_at)
        select user_id, wallet, %(at)s
        from unnest(%(users)b::text[], %(wallets)b::text[]) as given (user_id, wallet)
        order by user_id
        on conflict (user_id) do update
        set wallet = excluded.wallet,
            linked_at = excluded.linked_at,
            released_at = null
        where known.wallet <> excluded.wallet
        """,
        {"users": users, "wallets": [wallets[user] for user in users], "at": at},
    )
