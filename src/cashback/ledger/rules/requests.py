"""When a mint request is published again, and what an outcome does to a cashback."""

from datetime import timedelta
from zlib import crc32

import msgspec

from cashback.kernel.backoff import PER_MILLE, delay_ms
from cashback.ledger.model import (
    NUMBER_RETIRED,
    TRANSITIONS,
    NumberNotRetired,
    OutcomeContradicts,
    Requested,
    State,
    Stuck,
)

_MILLISECOND = timedelta(milliseconds=1)


def backoff(cashback_id: str, reissues: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return how long to wait for an outcome after `reissues` repetitions: doubling up to `longest`, less up to a half.

    How much less is spread by the cashback's id, which is random: what was requested in one transaction does not come
    due again as one. The same arguments give the same wait.
    """
    wait_ms = delay_ms(
        reissues + 1,
        first_ms=first // _MILLISECOND,
        longest_ms=longest // _MILLISECOND,
        jitter_per_mille=crc32(f"{cashback_id}:{reissues}".encode()) % PER_MILLE,
    )
    return wait_ms * _MILLISECOND


def check_retired(cashback: Stuck) -> None:
    """Return when nothing can be minted for the cashback under the number it has.

    Raises:
        NumberNotRetired: something may, or was.
    """
    if cashback.state is not State.STUCK or cashback.failure != NUMBER_RETIRED:
        why = f", for {cashback.failure}" if cashback.failure else ""
        raise NumberNotRetired(
            f"{cashback.id} is {cashback.state.value}{why}: it keeps its number {cashback.mint_number}",
            cashback_id=cashback.id,
        )


def settles(cashback: Requested, *, cashback_id: str, token_units: int | None, to: State) -> bool:
    """Tell whether an outcome moves the cashback to the state `to`; False when it is already past that.

    Raises:
        OutcomeContradicts: the number was requested for another cashback or another amount.
    """
    if cashback.id != cashback_id or token_units not in (None, cashback.token_units):
        raise OutcomeContradicts(
            f"the outcome of mint {cashback.mint_number} is not what was requested",
            mint_number=cashback.mint_number,
            cashback_id=cashback_id,
            token_units=token_units,
        )
    return to in TRANSITIONS[cashback.state]


def reopened(cashback: Requested, *, reversals: int) -> Requested:
    """Return the cashback as it is after so many reversals: in flight, if what was known of it is void by then.

    Fewer or as many reversals as are known change nothing: who tells of them has said it before, or late.
    """
    if reversals <= cashback.reversals:
        return cashback
    return msgspec.structs.replace(cashback, state=State.MINT_REQUESTED, reversals=reversals)
