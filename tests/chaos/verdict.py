"""What must be true after every fault, once the system has drained."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from cashback.kernel.bus import Bus
from cashback.kernel.bus.verdicts import is_verdict
from cashback.processes.embedded import answers
from tests.e2e.test_flow import events_in_stream
from tests.support.facts import eventually
from tests.support.load import Load
from tests.support.recovery import RECOVERS_PROCESS_WITHIN_S, RECOVERS_SERVER_WITHIN_S
from tests.support.stack import OUTBOXES, WholeSystem

READY_WITHIN_S: Final = RECOVERS_PROCESS_WITHIN_S
PUBLISHED_WITHIN_S: Final = RECOVERS_SERVER_WITHIN_S


async def assert_nothing_lost_or_doubled(
    stack: WholeSystem, load: Load, *, asleep: str = "", given_up: int = 0
) -> None:
    """Assert I1 to I6 of what the load has left, and that all agree, and nobody gave up.

    Every process is ready again, but for the one that is meant to be asleep, and no event is a dead letter, but for
    the `given_up` that are meant to be.
    """
    report = await stack.drained()
    # The books of every user and in total, line by line (I1), and ledger, minting and chain against each other.
    assert report.findings == []
    await ready(stack, [name for name in stack.processes if name != asleep])
    assert await dead_letters(stack) == given_up
    assert stack.rows("minting", "select kind, detail from minting.halts") == []
    assert stack.rows("chain", "select halted_reason from chain.network") == [(None,)]
    assert load.purchases
    assert_ended(stack, load)
    await assert_minted_once_and_on_request(stack, load)
    assert_applied_once(stack, load)
    await assert_published(stack, strangers=given_up)


def assert_ended(stack: WholeSystem, load: Load) -> None:
    """Assert that every accepted purchase is recorded, and its cashback minted (I4)."""
    recorded = stack.rows("cashback", "select id from purchases.purchases where merchant_id = %s", load.merchant_id)
    assert sorted(row[0] for row in recorded) == sorted(load.purchases)
    query = "select state from ledger.cashback_ledger where purchase_id = any(%s)"
    states = stack.rows("cashback", query, load.purchases)
    assert Counter(row[0] for row in states) == {"minted": len(load.purchases)}


async def assert_minted_once_and_on_request(stack: WholeSystem, load: Load) -> None:
    """Assert that each cashback is on the chain once (I2), and nothing is there that nobody requested (I3)."""
    query = "select mint_number, recipient, token_units from ledger.cashback_ledger where purchase_id = any(%s)"
    cashbacks = stack.rows("cashback", query, load.purchases)
    async with stack.chain() as chain:
        logs = await chain.mint_logs()
    minted = Counter((log.number, log.recipient, log.amount) for log in logs)
    assert all(minted[number, recipient.lower(), amount] == 1 for number, recipient, amount in cashbacks)
    requested = stack.rows("minting", "select number, '0x' || encode(recipient, 'hex'), amount from minting.mints")
    assert minted.keys() <= {(number, recipient, amount) for number, recipient, amount in requested}


def assert_applied_once(stack: WholeSystem, load: Load) -> None:
    """Assert that each cashback took every step once for each of its numbers, however often its event came (I5)."""
    query = """
        select step.cashback_id, to_state
        from ledger.cashback_transitions as step
        join ledger.cashback_ledger as cashback on cashback.id = step.cashback_id
        where purchase_id = any(%s) and cause <> 'reissued'
        group by 1, 2
        having count(*) > 1 + (
            select count(*)
            from ledger.retired_numbers as retired
            where retired.cashback_id = step.cashback_id
        )
    """
    assert stack.rows("cashback", query, load.purchases) == []


class Place(msgspec.Struct, frozen=True):
    """Where an event was committed: in which outbox, of which key, as the how manieth."""

    schema: str
    key: str
    position: int


async def assert_published(stack: WholeSystem, *, strangers: int | None) -> None:
    """Assert that the stream holds what was committed and nothing else (I5), those of each key in that order (I6).

    Nothing else but `strangers` that the test has published by itself; None where commits were lost on purpose. Of an
    event that is there more than once the first counts: consumers skip the others. What was committed before the broker
    was last wiped may be gone, or have come again by a replay, behind what was published meanwhile.
    """
    places = committed(stack)
    ids: list[str] = []

    async def look() -> bool | None:
        """See whether the stream has all of it; what came last may be on its way."""
        ids[:] = dict.fromkeys(event.id for event in await events_in_stream(stack))
        return None if missing(places, ids, gone=stack.gone) else True

    await eventually(look, within_s=PUBLISHED_WITHIN_S, what="every committed event is in the stream", every_s=0.5)
    later = committed(stack)
    if strangers is not None:
        assert sum(id_ not in later for id_ in ids) <= strangers
    assert disordered([later[id_] for id_ in ids if id_ in later], gone=stack.gone) == {}


def committed(stack: WholeSystem) -> dict[str, Place]:
    """Return where each event was committed, by its id."""
    return {
        event_id: Place(schema, key, position)
        for schema, database in OUTBOXES.items()
        for event_id, key, position in stack.rows(
            database, f"select event_id, key, position from {schema}.outbox_events"
        )
    }


def missing(places: Mapping[str, Place], ids: Iterable[str], *, gone: Mapping[str, int]) -> set[str]:
    """Return which committed events are not among `ids`, those aside that a wiped broker may have lost."""
    kept = {id_ for id_, place in places.items() if place.position > gone.get(place.schema, 0)}
    return kept.difference(ids)


def disordered(published: Iterable[Place], *, gone: Mapping[str, int]) -> dict[tuple[str, str], list[int]]:
    """Return the positions of each key that were published in another order than they were committed in.

    Those aside that a wiped broker may have lost: a replay brings them when it is asked to.
    """
    by_key: dict[tuple[str, str], list[int]] = {}
    for place in published:
        if place.position > gone.get(place.schema, 0):
            by_key.setdefault((place.schema, place.key), []).append(place.position)
    return {key: positions for key, positions in by_key.items() if positions != sorted(positions)}


async def ready(stack: WholeSystem, names: Sequence[str]) -> None:
    """Return once all of these processes say that every neighbour answers them."""
    for name in names:

        async def look(port: int = stack.processes[name].port) -> bool | None:
            return True if await asyncio.to_thread(answers, port, "/readyz") else None

        await eventually(look, within_s=READY_WITHIN_S, what=f"{name} is ready")


async def dead_letters(stack: WholeSystem) -> int:
    """Return how many events were given up since the broker's storage is what it is."""
    async with Bus.connect(stack.nats.url(), name="verdict") as bus:
        await bus.wait_connected()
        state = (await bus.api("STREAM.INFO.CASHBACK_DLQ", {"subjects_filter": ">"}))["state"]
    subjects: dict[str, int] = state.get("subjects") or {}
    return sum(count for subject, count in subjects.items() if not is_verdict(subject))
