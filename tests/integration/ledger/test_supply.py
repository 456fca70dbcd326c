"""Booking the supply: once by run, never back while the chain stands, by one worker, and by nobody who reads it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import psycopg
import pytest

from cashback.ledger.model import ChainColumns, Reconciliation
from cashback.ledger.model.supply import SupplyTooLarge
from cashback.ledger.service import Checker, Fence, Reconciliations
from cashback.ledger.service.leased import LeaseLost
from cashback.ledger.service.supply import LEASE, SupplyBooker
from tests.integration.ledger.sealing import fence_of, seal_all
from tests.integration.ledger.world import START, World

KINDS: Final = ("issued", "supply", "burned", "unexplained")


def hash_of(word: int) -> str:
    """Return a block's hash."""
    return f"0x{word:064x}"


class Chain:
    """Stands in for the adapter: a chain that is so long, with these hashes."""

    def __init__(self, *, final: int = 1_000, hashes: dict[int, str] | None = None) -> None:
        """Have every block's number as its hash unless `hashes` says otherwise."""
        self.final = final
        self.hashes = hashes or {}
        self.asked = 0

    async def mint_columns(self, *, from_block: int, to_block: int = 0) -> ChainColumns:
        """Return an empty page that ends at a block."""
        assert from_block == to_block
        self.asked += 1
        end = min(to_block, self.final)
        return ChainColumns(
            numbers=b"",
            recipients=b"",
            amounts=b"",
            block_numbers=b"",
            transaction_hashes=b"",
            from_block=from_block,
            covered_to_block=end,
            at_block=end,
            at_block_hash=self.hashes.get(end, hash_of(end)),
            at_block_mined_at=datetime(2026, 1, 1, tzinfo=UTC),
            total_supply=None,
            burned=0,
        )


async def tell(world: World, *, at: int, figures: tuple[int | None, int, int], block_hash: str | None = None) -> None:
    """Write down a run that read explained mints, burns and supply up to a block."""
    explained, burned, supply = figures
    run = Reconciliation(
        mode="whole",
        reason="a test",
        asked_by="person",
        began_at=START,
        ended_at=START,
        after_block=None,
        at_block=at,
        at_block_hash=block_hash or hash_of(at),
        requested=0,
        logs=0,
        logs_amount=explained or 0,
        burned=burned,
        explained=explained,
        total_supply=supply,
        findings=0,
        kinds={},
        settled_to=None,
    )
    await Reconciliations(world.auditor).write(run, None)


def booker(world: World, chain: Chain | None = None) -> SupplyBooker:
    """Return a worker's."""
    return SupplyBooker(world.worker, chain or Chain(), clock=world.clock)


async def turn(world: World, chain: Chain | None = None) -> None:
    """Book once."""
    await booker(world, chain).turn(await fence_of(world, name=LEASE))


async def held(world: World) -> list[int]:
    """Return what the accounts hold: issued, supply, burned, unexplained."""
    rows: Sequence[tuple[str, int]] = await world.rows(
        "select kind, balance from ledger.accounts where owner = 'chain'"
    )
    return [dict(rows).get(kind, 0) for kind in KINDS]


async def transfers(world: World) -> list[tuple[str, int]]:
    """Return what was posted, in order."""
    return await world.rows("select cause, amount from ledger.transfers order by position")


@pytest.mark.invariant("I8")
async def test_a_run_is_booked_once(world: World) -> None:
    """A second turn posts nothing, and neither does a run with the same figures."""
    await tell(world, at=10, figures=(100, 30, 70))
    await turn(world)
    assert await held(world) == [-100, 70, 30, 0]
    posted = await transfers(world)
    assert posted == [("issuance", 100), ("burn", 30)]
    await turn(world)
    await tell(world, at=20, figures=(100, 30, 70))
    await turn(world)
    assert await transfers(world) == posted
    assert [row[0] for row in await world.rows("select at_block from ledger.supply_bookings order by position")] == [
        10,
        20,
    ]


async def test_without_a_run_nothing_is_booked(world: World) -> None:
    """And a run of an earlier release, which does not say what requests explain, is none."""
    await turn(world)
    await tell(world, at=10, figures=(None, 30, 70))
    await turn(world)
    assert await held(world) == [0, 0, 0, 0]
    assert await world.rows("select * from ledger.supply_bookings") == []


@pytest.mark.parametrize(
    "figures, expected",
    [
        ((100, 0, 101), [-100, 101, 0, -1]),
        ((100, 0, 99), [-100, 99, 0, 1]),
        ((0, 5, 0), [0, 0, 5, -5]),
        ((0, 0, 9), [0, 9, 0, -9]),
        ((100, 100, 0), [-100, 0, 100, 0]),
        ((100, 9, 100), [-100, 100, 9, -9]),
    ],
)
async def test_what_nobody_explains_is_held_apart(
    world: World, figures: tuple[int, int, int], expected: list[int]
) -> None:
    """Too much supply as minus that much, too little as that much, also when what was too much was burned.

    The four always come to nothing.
    """
    await tell(world, at=10, figures=figures)
    await turn(world)
    assert await held(world) == expected
    assert sum(expected) == 0


async def test_of_several_runs_the_furthest_is_booked(world: World) -> None:
    """Two may run beside each other, and the one that began first may end last."""
    await tell(world, at=20, figures=(200, 0, 200))
    await tell(world, at=10, figures=(100, 0, 100))
    await turn(world)
    assert await held(world) == [-200, 200, 0, 0]


async def test_a_lower_block_is_not_booked_while_the_booked_one_stands(world: World) -> None:
    """The run was read before what is booked; the chain is asked once for each such run."""
    chain = Chain()
    ours, fence = booker(world, chain), await fence_of(world, name=LEASE)
    await tell(world, at=20, figures=(200, 0, 200))
    await ours.turn(fence)
    await tell(world, at=10, figures=(100, 0, 100))
    await ours.turn(fence)
    await ours.turn(fence)
    assert (await held(world), chain.asked) == ([-200, 200, 0, 0], 1)
    await tell(world, at=30, figures=(300, 0, 300))
    await ours.turn(fence)
    assert await held(world) == [-300, 300, 0, 0]


async def test_a_node_that_lags_takes_nothing_back(world: World) -> None:
    """That a chain is shorter than what is booked does not say that it was replaced."""
    await tell(world, at=20, figures=(200, 0, 200))
    await turn(world)
    await tell(world, at=10, figures=(100, 0, 100))
    await turn(world, Chain(final=15))
    assert await held(world) == [-200, 200, 0, 0]


async def test_a_lower_block_of_a_chain_that_was_replaced_is_booked_back(world: World) -> None:
    """The other way round, in the same accounts: nothing is erased."""
    await tell(world, at=20, figures=(200, 50, 150))
    await turn(world)
    await tell(world, at=10, figures=(100, 0, 100))
    await turn(world, Chain(hashes={20: hash_of(0xBAD)}))
    assert await held(world) == [-100, 100, 0, 0]
    assert await transfers(world) == [("issuance", 200), ("burn", 50), ("burn", 50), ("issuance", 100)]


async def test_workers_side_by_side_book_a_run_once(world: World) -> None:
    """Even under one fence: whoever comes second finds it booked under the locks of the accounts."""
    await tell(world, at=10, figures=(100, 30, 70))
    fence = await fence_of(world, name=LEASE)
    await asyncio.gather(*(booker(world).turn(fence) for _ in range(4)))
    assert await held(world) == [-100, 70, 30, 0]
    assert await world.one("select count(*) from ledger.supply_bookings") == 1


async def test_who_lost_the_lease_books_nothing(world: World) -> None:
    """The fence is kept in the transaction that posts."""
    await tell(world, at=10, figures=(100, 0, 100))
    with pytest.raises(LeaseLost):
        await booker(world).turn(Fence(LEASE, 999))
    assert await transfers(world) == []


async def test_more_than_the_books_can_count_is_refused(world: World) -> None:
    """What was booked stays; it is no reason to end a worker that settles mints."""
    await tell(world, at=10, figures=(100, 0, 100))
    await turn(world)
    await tell(world, at=20, figures=(100, 0, 2**63))
    with pytest.raises(SupplyTooLarge):
        await turn(world)
    assert await held(world) == [-100, 100, 0, 0]


async def test_what_is_booked_is_sealed_like_everything_else(world: World) -> None:
    """And the sealed books are proved by the rows."""
    await tell(world, at=10, figures=(100, 30, 70))
    await turn(world)
    await seal_all(world)
    checked = await Checker(world.auditor).check()
    assert (checked.leaves, checked.waiting, checked.flaw) == (2, 0, None)


@pytest.mark.parametrize(
    "role, statement",
    [
        ("cashback_ledger", "insert into ledger.reconciliations (mode) values ('whole')"),
        ("cashback_ledger", "select reason from ledger.reconciliations"),
        ("cashback_auditor", "insert into ledger.supply_bookings (reconciliation) values (1)"),
        ("cashback_auditor", "insert into ledger.transfers (amount) values (1)"),
        ("cashback_api", "select 1 from ledger.supply_bookings"),
        ("cashback_operator", "insert into ledger.supply_bookings (reconciliation) values (1)"),
    ],
)
async def test_who_reads_the_chain_cannot_post_and_who_posts_cannot_read_it_so(
    world: World, role: str, statement: str
) -> None:
    """Neither makes up a supply alone."""
    async with await psycopg.AsyncConnection.connect(world.dsns.of(role)) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement.encode())
