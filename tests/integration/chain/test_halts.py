"""The halt switch, turned over gRPC: it stops what signs and sends, follows what was sent, and keeps who turned it."""

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg import errors

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import AdapterRefused, AdapterUnavailable, NotHalted, Person
from cashback.chain.service.halting import NAME_LENGTH_MAX, REASON_LENGTH_MAX
from cashback.processes import adapter
from cashback.processes.embedded import free_port
from tests.integration.chain.listening import HOST, listening_at
from tests.integration.chain.support import Bench, assembled, mint, serving


async def journal(bench: Bench) -> list[tuple[str, str, str, str]]:
    """Return what is kept: act, reason, detail and person, oldest first."""
    rows = await bench.rows("select act, reason, detail, person from chain.halt_journal order by id")
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def test_a_halt_stops_signing_and_what_was_sent_is_followed_to_its_end(settings: adapter.Settings) -> None:
    """A mint that was sent becomes final meanwhile; one that came later is signed when the halt is lifted."""
    async with serving(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await bench.submit(mint(1))
        await bench.reached([1], "submitted", "included", "safe", "final")
        await caller.halt(by="alice", reason="a drill")
        before = await bench.attempts()
        await bench.submit(mint(2))
        await bench.settled([1])
        assert [len(before), *(view.state for view in await bench.views([1, 2]))] == [1, "final", "accepted"]
        assert len(await bench.attempts()) == 1
        assert REGISTRY.get_sample_value("cashback_chain_halted") == 1
        await caller.resume(by="bob", reason="the drill is over")
        await bench.settled([2])
        assert REGISTRY.get_sample_value("cashback_chain_halted") == 0


async def test_no_turn_of_a_lane_after_a_halt_signs_or_sends(settings: adapter.Settings) -> None:
    """Turn by turn: an open attempt is not sent again, and nothing new is signed."""
    async with assembled(settings) as bench:
        await bench.lever.automine(is_on=False)
        await bench.submit(mint(1))
        await bench.ripe()
        await bench.adapter.lanes[0]._turn()
        [(nonce, sends, answer, _)] = await bench.attempts()
        assert (nonce, answer) == (0, "accepted")
        await bench.adapter.halting.halt_by_hand(by=Person("alice"), detail="a drill")
        await bench.submit(mint(2))
        await bench.ripe()
        async with bench.database.transaction() as tx:
            await tx.execute("update chain.blockchain_transactions set sent_at = sent_at - interval '1 hour'")
        await bench.adapter.lanes[0]._turn()
        await bench.adapter.lanes[0]._turn()
        assert await bench.attempts() == [(nonce, sends, answer, False)]


async def test_who_halted_and_who_lifted_it_is_kept_and_told(settings: adapter.Settings) -> None:
    """The first reason stays, a second one is added, and lifting tells both."""
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        await bench.adapter.halting.halt("calls_keep_reverting")
        await bench.adapter.halting.halt("transaction_refused")
        first, second = await caller.halt(by="alice", reason="I want to look first")
        assert (first.reason, first.detail, first.by) == ("calls_keep_reverting", "", Person("adapter"))
        assert (second.reason, second.detail, second.by) == ("by_hand", "I want to look first", Person("alice"))
        assert await caller.halts() == [first, second]
        assert (await bench.adapter.reading.status()).network.halted_reason == "calls_keep_reverting"
        assert await caller.resume(by="bob", reason="the limit was raised") == [first, second]
        assert await caller.halts() == []
        assert await journal(bench) == [
            ("halted", "calls_keep_reverting", "", "adapter"),
            ("halted", "by_hand", "I want to look first", "alice"),
            ("resumed", "calls_keep_reverting", "the limit was raised", "bob"),
        ]


async def test_lifting_what_is_not_halted_is_refused(settings: adapter.Settings) -> None:
    """Nothing is kept of it: nothing happened."""
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        with pytest.raises(NotHalted):
            await caller.resume(by="bob", reason="why not")
        assert await journal(bench) == []


async def test_a_halt_made_with_sql_is_told_and_lifted_as_well(chain_dsn: str, settings: adapter.Settings) -> None:
    """The switch is the truth, the journal tells of it."""
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        with psycopg.connect(chain_dsn, autocommit=True) as connection:
            connection.execute("update chain.network set halted_reason = 'sql', halted_at = now()")
        [told] = await caller.halts()
        assert (told.reason, told.by) == ("sql", Person("somebody with SQL"))
        assert await caller.resume(by="bob", reason="it was me") == [told]
        assert await bench.adapter.halting.look() is None


@pytest.mark.parametrize("by,reason", [("", "why"), (" ", "why"), ("bob", ""), ("b" * (NAME_LENGTH_MAX + 1), "why")])
async def test_a_nameless_or_groundless_call_is_refused(settings: adapter.Settings, by: str, reason: str) -> None:
    """Neither turns the switch."""
    async with assembled(settings) as bench, listening_at(bench) as address, Adapter.open(address) as caller:
        with pytest.raises(AdapterRefused, match="INVALID_ARGUMENT"):
            await caller.halt(by=by, reason=reason)
        assert await bench.adapter.halting.look() is None
        await caller.halt(by="n" * NAME_LENGTH_MAX, reason="r" * REASON_LENGTH_MAX)
        with pytest.raises(AdapterRefused, match="INVALID_ARGUMENT"):
            await caller.resume(by=by, reason=reason)
        assert await bench.adapter.halting.look() == "by_hand"


async def test_an_adapter_that_is_down_is_told_as_unavailable() -> None:
    """Nobody listens: it may be tried again."""
    async with Adapter.open(f"{HOST}:{free_port()}") as caller:
        with pytest.raises(AdapterUnavailable):
            await caller.halt(by="alice", reason="a drill")


@pytest.mark.parametrize(
    "statement",
    [
        "update chain.halt_journal set person = 'nobody'",
        "delete from chain.halt_journal",
        "insert into chain.halt_journal (act, reason, person, at) values ('halted', 'x', 'x', now())",
    ],
)
async def test_the_adapter_cannot_rewrite_who_turned_the_switch(settings: adapter.Settings, statement: str) -> None:
    """Its role adds to the journal, with the server's clock, and that is all."""
    async with assembled(settings) as bench:
        with pytest.raises(errors.InsufficientPrivilege):
            await bench.rows(statement)
