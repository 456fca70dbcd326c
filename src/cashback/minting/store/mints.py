"""The mints: stored once per number, claimed for submission, answered for, decided."""

from collections.abc import Mapping, Sequence
from typing import Final

from cashback.kernel.db import Session, Tx
from cashback.minting.model import Mint, MintRequest
from cashback.minting.store.rows import COLUMNS, to_mint

DUE: Final = "minting_due"
"""The channel on which those who claim are told, when a transaction commits, that something is due."""

AHEAD_MAX_S: Final = 20.0
"""Well beyond the longest claim and the longest pause after a failure, which are 4 and 2 seconds."""


async def insert(tx: Tx, requests: Sequence[MintRequest], fingerprints: Sequence[bytes]) -> frozenset[int]:
    """Store the requests whose number and cashback are both unknown, due at once, and return their numbers.

    `fingerprints` stand in the order of `requests`. A concurrent insert of the same number is waited for and wins.
    """
    cursor = await tx.execute(
        """
        insert into minting.mints
            (number, cashback_id, recipient, amount, fingerprint, state, submit_after, requested_at, traceparent)
        select number, cashback_id, recipient, amount, fingerprint, 'requested', now(), requested_at, traceparent
        from unnest(
            %(numbers)s::bigint[], %(cashback_ids)s::text[], %(recipients)s::bytea[], %(amounts)s::bigint[],
            %(fingerprints)s::bytea[], %(requested_at)s::timestamptz[], %(traceparents)s::text[]
        ) as given (number, cashback_id, recipient, amount, fingerprint, requested_at, traceparent)
        order by number
        on conflict do nothing
        returning number
        """,
        {
            "numbers": [request.number for request in requests],
            "cashback_ids": [request.cashback_id for request in requests],
            "recipients": [request.recipient for request in requests],
            "amounts": [request.amount for request in requests],
            "fingerprints": list(fingerprints),
            "requested_at": [request.requested_at for request in requests],
            "traceparents": [request.traceparent for request in requests],
        },
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def known(tx: Tx, *, numbers: Sequence[int], cashback_ids: Sequence[str]) -> list[Mint]:
    """Return the mints with one of the numbers or for one of the cashbacks, by number, locked until `tx` ends."""
    cursor = await tx.execute(
        f"""
        select {COLUMNS}
        from minting.mints
        where number = any(%(numbers)s::bigint[])
           or cashback_id = any(%(cashback_ids)s::text[])
        order by number
        for update
        """,
        {"numbers": list(numbers), "cashback_ids": list(cashback_ids)},
    )
    return [to_mint(row) for row in await cursor.fetchall()]


async def locked(tx: Tx, numbers: Sequence[int]) -> dict[int, Mint]:
    """Return those of the mints that exist, locked until `tx` ends; by number, as everyone locks them."""
    cursor = await tx.execute(
        f"""
        select {COLUMNS}
        from minting.mints
        where number = any(%(numbers)s::bigint[])
        order by number
        for update
        """,
        {"numbers": list(numbers)},
    )
    return {row[0]: to_mint(row) for row in await cursor.fetchall()}


async def hasten(tx: Tx, numbers: Sequence[int]) -> None:
    """Make the mints due now, submitted before or not; those with an outcome stay as they are."""
    await tx.execute(
        """
        update minting.mints
        set submit_after = now()
        where number = any(%(numbers)s::bigint[])
          and state in ('requested', 'accepted')
        """,
        {"numbers": list(numbers)},
    )


async def tell_due(tx: Tx) -> None:
    """Wake everyone who claims once `tx` commits; once per transaction, since each notification locks the database."""
    await tx.execute(
        """
        select pg_notify(%(channel)s, '')
        """,
        {"channel": DUE},
    )


async def listen_due(session: Session) -> None:
    """Let `session` hear of what becomes due."""
    await session.execute(f"listen {DUE}")


async def claim_due(tx: Tx, *, limit: int, hold_s: int) -> list[Mint]:
    """Return the lowest due numbers that nobody else is claiming, each hidden from claims for `hold_s` seconds.

    A claimant that dies leaves nothing behind: its mints are simply due again after that. What is due later than
    `AHEAD_MAX_S` from now is due: the database's clock was set back since.
    """
    cursor = await tx.execute(
        f"""
        with due as (
            select number
            from minting.mints
            where submit_after <= now()
               or submit_after > now() + make_interval(secs => %(ahead_max_s)s)
            order by number
            limit %(limit)s
            for update skip locked
        )
        update minting.mints
        set submit_after = now() + make_interval(secs => %(hold_s)s),
            submit_attempts = submit_attempts + 1
        from due
        where mints.number = due.number
        returning {COLUMNS}
        """,
        {"limit": limit, "hold_s": hold_s, "ahead_max_s": AHEAD_MAX_S},
    )
    return sorted((to_mint(row) for row in await cursor.fetchall()), key=lambda mint: mint.number)


async def hold(tx: Tx, numbers: Sequence[int], *, hold_s: int) -> int:
    """Hide claimed mints for another `hold_s` seconds and return how many were still hidden.

    What ran out, was answered for, or was asked for again meanwhile stays as it is.
    """
    cursor = await tx.execute(
        """
        with held as (
            select number
            from minting.mints
            where number = any(%(numbers)s::bigint[])
              and submit_after > now()
            order by number
            for update
        )
        update minting.mints
        set submit_after = now() + make_interval(secs => %(hold_s)s)
        from held
        where mints.number = held.number
        """,
        {"numbers": list(numbers), "hold_s": hold_s},
    )
    return cursor.rowcount


async def give_back(tx: Tx, numbers: Sequence[int], *, delay_ms: int) -> None:
    """Make claimed mints due after `delay_ms`; those that were answered for meanwhile stay as they are."""
    await tx.execute(
        """
        with held as (
            select number
            from minting.mints
            where number = any(%(numbers)s::bigint[])
              and submit_after is not null
            order by number
            for update
        )
        update minting.mints
        set submit_after = now() + %(delay_ms)s * interval '1 millisecond'
        from held
        where mints.number = held.number
        """,
        {"numbers": list(numbers), "delay_ms": delay_ms},
    )


async def accept(tx: Tx, numbers: Sequence[int]) -> int:
    """Note that the adapter has the mints, and return of how many that was news; outcomes that were faster stay."""
    cursor = await tx.execute(
        """
        with answered as (
            select number
            from minting.mints
            where number = any(%(numbers)s::bigint[])
              and state in ('requested', 'accepted')
            order by number
            for update
        )
        update minting.mints
        set state = 'accepted',
            accepted_at = coalesce(accepted_at, now()),
            submit_after = null
        from answered
        where mints.number = answered.number
        """,
        {"numbers": list(numbers)},
    )
    return cursor.rowcount


async def stick(tx: Tx, reasons: Mapping[int, str]) -> list[Mint]:
    """Mark open mints as stuck, each number for its reason, and return those that were open."""
    cursor = await tx.execute(
        f"""
        with refused as (
            select mints.number, given.reason
            from unnest(%(numbers)s::bigint[], %(reasons)s::text[]) as given (number, reason)
            join minting.mints using (number)
            where state in ('requested', 'accepted')
            order by mints.number
            for update of mints
        )
        update minting.mints
        set state = 'stuck',
            reason = refused.reason,
            decided_at = now(),
            submit_after = null
        from refused
        where mints.number = refused.number
        returning {COLUMNS}
        """,
        {"numbers": list(reasons), "reasons": list(reasons.values())},
    )
    return [to_mint(row) for row in await cursor.fetchall()]


async def decide(tx: Tx, mints: Sequence[Mint]) -> None:
    """Store the outcomes that `mints` carry, or that they have none now and are due; the caller has locked them."""
    await tx.execute(
        """
        update minting.mints
        set state = given.state,
            transaction_hash = given.transaction_hash,
            block_number = given.block_number,
            block_hash = given.block_hash,
            reason = given.reason,
            reversals = given.reversals,
            accepted_at = case given.state when 'accepted' then coalesce(accepted_at, now()) else accepted_at end,
            decided_at = case when given.state in ('minted', 'stuck') then now() end,
            submit_after = case when given.state in ('requested', 'accepted') then now() end
        from unnest(
            %(numbers)s::bigint[], %(states)s::text[], %(transaction_hashes)s::bytea[], %(block_numbers)s::bigint[],
            %(block_hashes)s::bytea[], %(reasons)s::text[], %(reversals)s::integer[]
        ) as given (number, state, transaction_hash, block_number, block_hash, reason, reversals)
        where mints.number = given.number
        """,
        {
            "numbers": [mint.number for mint in mints],
            "states": [mint.state.value for mint in mints],
            "transaction_hashes": [mint.inclusion and mint.inclusion.transaction_hash for mint in mints],
            "block_numbers": [mint.inclusion and mint.inclusion.block_number for mint in mints],
            "block_hashes": [mint.inclusion and mint.inclusion.block_hash for mint in mints],
            "reasons": [mint.reason for mint in mints],
            "reversals": [mint.reversals for mint in mints],
        },
    )


async def submit_accepted_again(tx: Tx) -> int:
    """Make every mint due that the adapter has accepted and told no outcome of, and return how many those are."""
    cursor = await tx.execute(
        """
        with forgotten as (
            select number
            from minting.mints
            where state = 'accepted'
            order by number
            for update
        )
        update minting.mints
        set submit_after = now()
        from forgotten
        where mints.number = forgotten.number
        """
    )
    return cursor.rowcount
