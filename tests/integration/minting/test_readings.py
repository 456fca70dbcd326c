"""What people and the reconciliation read."""

import pytest

from cashback.kernel.config import Secret
from cashback.kernel.errors import Invalid
from cashback.minting import Cursor, Halts, MintState, Readings
from cashback.minting.model import MintNotFound
from cashback.processes.minting_standing import concerns, look
from tests.integration.minting.world import World, cashback, dsn_of, request


async def test_mints_are_read_in_pages_in_the_order_of_their_numbers(world: World) -> None:
    """A page that is not full is the last."""
    await world.take(*(request(number) for number in (5, 3, 1, 4, 2)))
    readings = Readings(world.auditor)
    first = await readings.page(limit=3)
    rest = await readings.page(after=first[-1].number, limit=3)
    assert [mint.number for mint in first] == [1, 2, 3]
    assert [mint.number for mint in rest] == [4, 5]


async def test_mints_of_one_state_are_read_alone(world: World) -> None:
    """An operator looks for the stuck ones."""
    await world.mint(1, 2)
    await world.take(request(3))
    readings = Readings(world.auditor)
    assert [mint.number for mint in await readings.page(state=MintState.REQUESTED)] == [3]
    assert await readings.page(state=MintState.STUCK) == []
    assert await readings.counts() == {MintState.MINTED: 2, MintState.REQUESTED: 1}


async def test_the_cursor_tells_how_far_outcomes_were_applied(world: World) -> None:
    """Nothing at first, then the adapter's epoch and its last sequence."""
    readings = Readings(world.auditor)
    assert await readings.cursor() == Cursor()
    await world.mint(1, 2)
    assert await readings.cursor() == Cursor(world.fake.epoch, 2, 2)


async def test_a_mint_is_found_by_its_number_and_by_its_cashback(world: World) -> None:
    """Both lead to the same one; a cashback without a mint is said to have none."""
    await world.take(request(7))
    readings = Readings(world.auditor)
    mint = await readings.show(7)
    assert await readings.show_for(mint.cashback_id) == mint
    with pytest.raises(MintNotFound, match=cashback(8)):
        await readings.show_for(cashback(8))


async def test_a_mint_that_nobody_requested_is_not_found(world: World) -> None:
    """And not made up."""
    with pytest.raises(MintNotFound):
        await Readings(world.auditor).show(1)


@pytest.mark.parametrize("limit", [0, -1, 1_001])
async def test_a_page_is_bounded(world: World, limit: int) -> None:
    """Nobody reads everything at once."""
    with pytest.raises(Invalid):
        await Readings(world.auditor).page(limit=limit)


async def test_what_is_halted_and_stuck_is_told_in_sentences(world: World) -> None:
    """A mint whose number is retired is over, and waits for nobody."""
    await world.take(*(request(number) for number in (1, 2, 3)))
    dsn = Secret(dsn_of("minting_auditor", world.dsn))
    assert concerns(await look(dsn, name="test")) == []
    world.execute(
        "update minting.mints set state = 'stuck', decided_at = now(), submit_after = null, reason = 'invalid'"
        " where number < 3"
    )
    world.execute("update minting.mints set reason = 'number_retired' where number = 2")
    await Halts(world.operator).halt_by_hand(by="alice", detail="a drill")
    world.execute(
        "insert into minting.halts (kind, number, cashback_id, detail) values ('cursor_ahead', 0, '', 'up to 7')"
    )
    lifted = "once that is mended, `cashback chain resume --reason WHY` lifts every halt"
    drill, restored, stuck = concerns(await look(dsn, name="test"))
    assert [drill, stuck] == [
        f"the mint worker is halted by alice: a drill; {lifted}",
        "1 stuck; `cashback mint list --state stuck` names them",
    ]
    assert restored.startswith("the mint worker is halted by itself: cursor_ahead: up to 7; the chain database is")
    assert "`cashback chain recover --reason WHY`" in restored
