"""The invariants of the design, each held against what databases, broker and chain have after a run."""

import asyncio
from collections import defaultdict

import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.bus.durable import backlog
from cashback.kernel.bus.message import Delivery
from cashback.kernel.bus.replay import replay
from cashback.kernel.bus.streams import EVENTS
from tests.e2e.test_flow import events_in_stream
from tests.support.chain import ChainReader
from tests.support.facts import eventually
from tests.support.load import Shop
from tests.support.stack import WholeSystem

TERMINAL = {"declined", "minted"}
PURCHASES = 40
OUTBOXES = (("purchases", "cashback"), ("ledger", "cashback"), ("minting", "minting"))
CONSUMERS = ("ledger-approvals", "ledger-outcomes", "minting-requests", "webhooks-deliveries")
DELIVERED_WITHIN_S = 20.0
ANCHORED_WITHIN_S = 120.0
"""Two intervals of anchors, and what it takes a block to be final."""
ANCHORED = """
    select (select count(*) from ledger.transfers),
           (select count(*) from ledger.leaves),
           (select max(last_leaf) from ledger.anchors join ledger.seals on number = seal where state = 'final')
"""
SOURCES = {
    "purchase.created": "purchases",
    "cashback.approved": "ledger",
    "token.mint.requested": "ledger",
    "token.minted": "minting",
    "token.mint.failed": "minting",
    "token.mint.reverted": "minting",
}


@pytest.fixture(scope="module")
def purchases(stack: WholeSystem) -> list[str]:
    """Give purchases of a few customers, bought at once, too small ones among them; nothing is under way any more."""
    return asyncio.run(_bought(stack))


@pytest.mark.invariant("I1", "I8", "I10")
async def test_ledger_minting_and_chain_agree_after_a_run(
    purchases: list[str], stack: WholeSystem, chain: ChainReader
) -> None:
    """Books prove themselves (I1, I8), and each number, recipient, amount and the supply are the chain's (I10)."""
    report = await stack.drained()
    assert report.findings == []
    assert (report.minted, report.minted_amount) == (report.logs, report.logs_amount)
    assert report.total_supply == report.minted_amount - report.burned == await chain.supply()
    assert report.declined >= PURCHASES // 10


@pytest.mark.invariant("I2", "I3", "I4")
async def test_every_purchase_ends_and_is_minted_at_most_once_and_only_on_request(
    purchases: list[str], stack: WholeSystem, chain: ChainReader
) -> None:
    """Each purchase has one cashback, in a terminal state (I4), and one log of the contract if it was granted (I2).

    No log stands for a number that the ledger did not request for this cashback, recipient and amount (I3).
    """
    logs = await chain.mint_logs()
    by_number = {log.number: log for log in logs}
    assert len(by_number) == len(logs)
    requested = stack.rows(
        "cashback",
        "select mint_number, recipient, token_units from ledger.cashback_ledger where mint_number is not null",
    )
    assert {(log.number, log.recipient, log.amount) for log in logs} == {
        (number, recipient.lower(), amount) for number, recipient, amount in requested
    }
    query = "select purchase_id, state, mint_number from ledger.cashback_ledger where purchase_id = any(%s)"
    found = stack.rows("cashback", query, purchases)
    assert sorted(row[0] for row in found) == sorted(purchases)
    assert {state for _, state, _ in found} == TERMINAL
    assert all((number in by_number) == (state == "minted") for _, state, number in found)


@pytest.mark.invariant("I5", "I6")
async def test_every_committed_event_is_published_in_order_and_applied_once(
    purchases: list[str], stack: WholeSystem
) -> None:
    """The stream holds what every outbox holds (I5), for each key in the order of its commits (I6).

    Each consumer has noted each event of its types once, and every cashback went through each state once.
    """
    streamed: dict[str, list[str]] = defaultdict(list)
    events = await events_in_stream(stack)
    for event in events:
        streamed[f"{source_of(event)} {event.key}"].append(event.id)
    stored: dict[str, list[str]] = defaultdict(list)
    for schema, database in OUTBOXES:
        query = f"select key, event_id from {schema}.outbox_events order by position"
        for key, event_id in stack.rows(database, query):
            stored[f"{schema} {key}"].append(event_id)
    assert {key: list(dict.fromkeys(ids)) for key, ids in streamed.items()} == stored

    consumed = {
        ("cashback", "ledger.inbox", "ledger-approvals"): {"cashback.approved"},
        ("cashback", "ledger.inbox", "ledger-outcomes"): {"token.minted", "token.mint.failed", "token.mint.reverted"},
        ("minting", "minting.inbox", "minting-requests"): {"token.mint.requested"},
        ("cashback", "webhooks.inbox", "webhooks-deliveries"): {event.type for event in events},
    }
    for (database, inbox, consumer), types in consumed.items():
        noted = stack.rows(database, f"select event_id from {inbox} where consumer = %s", consumer)
        assert sorted(row[0] for row in noted) == sorted({event.id for event in events if event.type in types})
    # Once more for each number that it had and gave up.
    twice = """
        select cashback_id
        from ledger.cashback_transitions as step
        group by cashback_id, to_state
        having count(*) > 1 + (
            select count(*)
            from ledger.retired_numbers as retired
            where retired.cashback_id = step.cashback_id)
    """
    assert stack.rows("cashback", twice) == []


@pytest.mark.invariant("I5", "I7")
async def test_replaying_everything_changes_nothing(purchases: list[str], stack: WholeSystem) -> None:
    """Every event of the stream delivered again, to everyone: no state, no posting, no mint is added (I5)."""
    await anchored(stack)
    await heard(stack)
    before = counts(stack)
    async with Bus.connect(stack.nats.url(), name="test") as bus:
        await bus.wait_connected()
        replayed = await replay(bus, start=1)
    await heard(stack)
    declined = PURCHASES // 10  # of which there is only the purchase to tell
    assert replayed.events >= 4 * len(purchases) - 3 * declined
    assert counts(stack) == before
    assert (await stack.drained()).findings == []


@pytest.mark.invariant("I9")
async def test_nonces_follow_each_other_with_one_mined_transaction_each(
    purchases: list[str], stack: WholeSystem, chain: ChainReader
) -> None:
    """The node has mined exactly one stored attempt at each nonce that the lane gave out, and nothing else (I9)."""
    await anchored(stack)
    [(lane, address, next_nonce)] = stack.rows(
        "chain", "select id, '0x' || encode(address, 'hex'), next_nonce from chain.lanes"
    )
    assert await chain.nonce(address) == await chain.nonce(address, tag="pending") == next_nonce
    slots = stack.rows("chain", "select nonce, state from chain.slots where lane = %s order by nonce", lane)
    assert slots == [(nonce, "final") for nonce in range(next_nonce)]
    mined: dict[int, list[str]] = defaultdict(list)
    query = "select nonce, '0x' || encode(hash, 'hex') from chain.blockchain_transactions where lane = %s"
    for nonce, attempt in stack.rows("chain", query, lane):
        receipt = await chain.call("eth_getTransactionReceipt", attempt)
        if receipt is not None:
            assert (receipt["from"], receipt["status"]) == (address, "0x1")
            mined[nonce].append(attempt)
    assert sorted(mined) == list(range(next_nonce))
    assert all(len(attempts) == 1 for attempts in mined.values())
    kinds = dict(stack.rows("chain", "select kind, count(*) from chain.slots group by kind"))
    assert kinds["anchor"] >= 1
    assert kinds["mint"] >= 1


async def anchored(stack: WholeSystem) -> None:
    """Return when all that was posted is sealed and anchored for good: nothing is sent then until somebody buys."""

    async def look() -> bool | None:
        [(last_transfer, last_leaf, last_final)] = stack.rows("cashback", ANCHORED)
        return True if last_transfer == last_leaf == last_final else None

    await eventually(look, within_s=ANCHORED_WITHIN_S, what="all that was posted is anchored for good")


async def heard(stack: WholeSystem) -> None:
    """Return when every event is published, and each consumer has answered for all that it is to hear of.

    Webhooks hear of what nothing else waits for, and of the end of a mint as late as the books.
    """

    async def look() -> bool | None:
        stored = {
            row[0]
            for schema, database in OUTBOXES
            for row in stack.rows(database, f"select event_id from {schema}.outbox_events")
        }
        if stored - {event.id for event in await events_in_stream(stack)}:
            return None
        async with Bus.connect(stack.nats.url(), name="test") as bus:
            await bus.wait_connected()
            backlogs = [await backlog(bus, stream=EVENTS.name, name=name, types=()) for name in CONSUMERS]
        return None if any(count for count, _ in backlogs) else True

    await eventually(look, within_s=DELIVERED_WITHIN_S, what="everything is published, and heard by everybody")


def counts(stack: WholeSystem) -> dict[str, int]:
    """Return how many rows each table has that an event may add to."""
    tables = {
        "cashback": (
            "ledger.cashback_transitions",
            "ledger.transfers",
            "ledger.inbox",
            "ledger.outbox_events",
            "webhooks.inbox",
        ),
        "minting": ("minting.mints", "minting.inbox", "minting.outbox_events"),
        "chain": ("chain.mints", "chain.slots", "chain.outcomes"),
    }
    return {
        table: stack.rows(database, f"select count(*) from {table}")[0][0]
        for database, names in tables.items()
        for table in names
    }


def source_of(event: Delivery) -> str:
    """Return the schema whose outbox an event of this type comes from."""
    return SOURCES[event.type]


async def _bought(stack: WholeSystem) -> list[str]:
    """Buy, and return the purchases when nothing is under way any more."""
    async with Shop.open(stack) as shop:
        customers = [await shop.customer() for _ in range(4)]
        amounts = [1 if place % 10 == 9 else 1_000 + place for place in range(PURCHASES)]
        answers = await asyncio.gather(
            *(shop.buy(customers[place % 4], amount_minor=amount) for place, amount in enumerate(amounts))
        )
    await stack.drained()
    await heard(stack)
    return [str(answer["id"]) for answer in answers]
