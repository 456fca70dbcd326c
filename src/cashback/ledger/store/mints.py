"""Cashbacks on their way to the chain: requested, published again, settled."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model import Mintable, Payable, Requested, State


async def lock_approved(tx: Tx, cashback_ids: Sequence[str]) -> list[Payable]:
    """Return those that are approved and have a wallet, locked and in order; whatever another worker holds is its.

    What a paused programme granted is left alone until it is resumed.
    """
    cursor = await tx.execute(
        """
        select cashback.id, cashback.user_id, cashback.programme_id, cashback.currency, cashback.payable_minor,
               cashback.payable_units - cashback.netted_units, cashback.traceparent, recipient.wallet
        from ledger.cashback_ledger as cashback
        join ledger.recipients as recipient using (user_id)
        join ledger.programmes as programme on programme.id = cashback.programme_id
        where cashback.id = any(%(ids)b::text[])
          and cashback.state = 'approved'
          and programme.paused_at is null
        order by cashback.position
        for update of cashback skip locked
        """,
        {"ids": list(cashback_ids)},
    )
    return [
        Payable(
            id=row[0],
            user_id=row[1],
            programme_id=row[2],
            currency=row[3],
            amount=Minor(row[4]),
            token_units=TokenUnits(row[5]),
            traceparent=row[6],
            recipient=row[7],
        )
        for row in await cursor.fetchall()
    ]


async def number(tx: Tx, payables: Sequence[Payable]) -> list[Mintable]:
    """Return each with a number of its own, in order; the numbers are used up even when `tx` rolls back."""
    cursor = await tx.execute(
        """
        select nextval('ledger.mint_numbers')
        from generate_series(1, %(count)s)
        """,
        {"count": len(payables)},
    )
    numbers = [row[0] for row in await cursor.fetchall()]
    return [
        Mintable(**msgspec.structs.asdict(payable), mint_number=drawn)
        for payable, drawn in zip(payables, numbers, strict=True)
    ]


async def mark_requested(
    tx: Tx,
    cashbacks: Sequence[Mintable],
    requests: Sequence[bytes],
    *,
    actor: str,
    cause: str,
    at: datetime,
    reissue_after: Sequence[datetime],
) -> int:
    """Freeze number, recipient and request of each, and return how many were approved until now."""
    cursor = await tx.execute(
        """
        with requested as (
            update ledger.cashback_ledger as cashback
            set state = 'mint_requested',
                mint_number = given.number,
                recipient = given.recipient,
                request = given.request,
                requested_at = %(at)s,
                requested_units = given.units,
                netted_units = cashback.netted_units + given.netted,
                reissue_after = given.reissue_after
            from unnest(
                %(ids)b::text[], %(numbers)b::bigint[], %(recipients)b::text[], %(requests)b::bytea[],
                %(units)b::bigint[], %(netted)b::bigint[], %(reissue_after)b::timestamptz[]
            ) as given (id, number, recipient, request, units, netted, reissue_after)
            where cashback.id = given.id
              and cashback.state = 'approved'
            returning cashback.id
        ),
        noted as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, 'approved', 'mint_requested', %(actor)s, %(cause)s, %(at)s
            from requested
        )
        select count(*)
        from requested
        """,
        {
            "ids": [cashback.id for cashback in cashbacks],
            "numbers": [cashback.mint_number for cashback in cashbacks],
            "recipients": [cashback.recipient for cashback in cashbacks],
            "requests": list(requests),
            "units": [cashback.token_units for cashback in cashbacks],
            "netted": [cashback.netted for cashback in cashbacks],
            "actor": actor,
            "cause": cause,
            "at": at,
            "reissue_after": list(reissue_after),
        },
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def lock_requested(tx: Tx, mint_numbers: Sequence[int]) -> dict[int, Requested]:
    """Return the cashbacks of those numbers, locked in order until `tx` ends."""
    cursor = await tx.execute(
        """
        select id, user_id, requested_units, mint_number, state, reversals, net_minor = 0, requested_at
        from ledger.cashback_ledger
        where mint_number = any(%(numbers)b::bigint[])
        order by position
        for update
        """,
        {"numbers": list(mint_numbers)},
    )
    return {
        row[3]: Requested(
            id=row[0],
            user_id=row[1],
            token_units=TokenUnits(row[2]),
            mint_number=row[3],
            state=State(row[4]),
            reversals=row[5],
            is_returned=row[6],
            requested_at=row[7],
        )
        for row in await cursor.fetchall()
    }


async def mark_reopened(tx: Tx, reversals: Mapping[str, int], *, actor: str, cause: str, at: datetime) -> int:
    """Note how often the outcome of each was taken back, more often than was known; return how many are so now.

    What was minted or stuck is in flight again, without a place and without a failure.
    """
    cursor = await tx.execute(
        """
        with found as (
            select cashback.id, cashback.state, given.reversals
            from unnest(%(ids)b::text[], %(reversals)b::integer[]) as given (id, reversals)
            join ledger.cashback_ledger as cashback using (id)
        ),
        reopened as (
            update ledger.cashback_ledger as cashback
            set state = 'mint_requested',
                reversals = found.reversals,
                failure = null,
                transaction_hash = null,
                block_number = null,
                block_hash = null,
                minted_at = null
            from found
            where cashback.id = found.id
              and cashback.state in ('mint_requested', 'minted', 'stuck', 'reversed')
              and cashback.reversals < found.reversals
            returning cashback.id, found.state as before
        ),
        noted as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, before, 'mint_requested', %(actor)s, %(cause)s, %(at)s
            from reopened
            where before <> 'mint_requested'
        )
        select count(*)
        from reopened
        """,
        {"ids": list(reversals), "reversals": list(reversals.values()), "actor": actor, "cause": cause, "at": at},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def mark_minted(tx: Tx, places: Mapping[str, tuple[str, int, str]], *, actor: str, at: datetime) -> int:
    """Note where each cashback was minted, as (transaction hash, block number, block hash); return how many moved.

    What had failed on the way is no longer so; the transitions remember it.
    """
    cursor = await tx.execute(
        """
        with found as (
            select cashback.id, cashback.state, given.transaction_hash, given.block_number, given.block_hash
            from unnest(%(ids)b::text[], %(hashes)b::text[], %(blocks)b::bigint[], %(block_hashes)b::text[])
                as given (id, transaction_hash, block_number, block_hash)
            join ledger.cashback_ledger as cashback using (id)
        ),
        minted as (
            update ledger.cashback_ledger as cashback
            set state = 'minted',
                failure = null,
                transaction_hash = found.transaction_hash,
                block_number = found.block_number,
                block_hash = found.block_hash,
                minted_at = %(at)s
            from found
            where cashback.id = found.id
              and cashback.state in ('mint_requested', 'stuck')
            returning cashback.id, found.state as before, found.transaction_hash
        ),
        noted as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, before, 'minted', %(actor)s, transaction_hash, %(at)s
            from minted
        )
        select count(*)
        from minted
        """,
        {
            "ids": list(places),
            "hashes": [place[0] for place in places.values()],
            "blocks": [place[1] for place in places.values()],
            "block_hashes": [place[2] for place in places.values()],
            "actor": actor,
            "at": at,
        },
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def mark_stuck(tx: Tx, reasons: Mapping[str, str], *, actor: str, at: datetime) -> int:
    """Stop each cashback until a person has looked, with the reason; return how many were in flight until now."""
    cursor = await tx.execute(
        """
        with stuck as (
            update ledger.cashback_ledger as cashback
            set state = 'stuck',
                failure = given.reason
            from unnest(%(ids)b::text[], %(reasons)b::text[]) as given (id, reason)
            where cashback.id = given.id
              and cashback.state = 'mint_requested'
            returning cashback.id, cashback.failure
        ),
        noted as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, 'mint_requested', 'stuck', %(actor)s, failure, %(at)s
            from stuck
        )
        select count(*)
        from stuck
        """,
        {"ids": list(reasons), "reasons": list(reasons.values()), "actor": actor, "at": at},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def note_retired(tx: Tx, cashback_ids: Sequence[str], *, failure: str) -> None:
    """Remember of cashbacks that are stuck that their number was retired, whatever they were stuck for."""
    await tx.execute(
        """
        update ledger.cashback_ledger
        set failure = %(failure)s
        where id = any(%(ids)b::text[])
          and state = 'stuck'
          and failure <> %(failure)s
        """,
        {"ids": list(cashback_ids), "failure": failure},
    )


async def note_failures(tx: Tx, reasons: Mapping[str, str]) -> None:
    """Remember why each was not minted yet, for those that are still in flight and will be tried again."""
    await tx.execute(
        """
        update ledger.cashback_ledger as cashback
        set failure = given.reason
        from unnest(%(ids)b::text[], %(reasons)b::text[]) as given (id, reason)
        where cashback.id = given.id
          and cashback.state = 'mint_requested'
        """,
        {"ids": list(reasons), "reasons": list(reasons.values())},
    )
