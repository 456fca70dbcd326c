"""Minting's halt switch in a person's hand: its own role, a name, a reason, and a record that is not changed."""

import psycopg
import pytest

from cashback.kernel.errors import Invalid
from cashback.minting import Halts
from cashback.minting.model import MintingHalted
from tests.integration.minting.world import World, dsn_of, request


async def test_a_person_halts_submission_and_lifts_it(world: World) -> None:
    """Nothing is handed over meanwhile; both orders are kept with their names and reasons."""
    operator = Halts(world.operator)
    [told] = await operator.halt_by_hand(by="alice", detail="a drill")
    assert (told.kind, told.raised_by, told.detail) == ("by_hand", "alice", "a drill")
    await world.take(request(1))
    assert await world.submitter().submit_due() == 0
    with pytest.raises(MintingHalted, match="halted by hand: a drill"):
        await Halts(world.database).check()
    assert await operator.lift(by="bob", because="it is over") == [told]
    assert await world.submitter().submit_due() == 1
    kept = await world.rows("select raised_by, detail, lifted_by, lifted_because from minting.halts")
    assert kept == [("alice", "a drill", "bob", "it is over")]


async def test_two_persons_halt_and_both_are_told_to_who_lifts(world: World) -> None:
    """One does not lift another's halt without having been shown it."""
    operator = Halts(world.operator)
    await operator.halt_by_hand(by="alice", detail="one reason")
    found = await operator.halt_by_hand(by="bob", detail="another")
    assert [(halt.raised_by, halt.detail) for halt in found] == [("alice", "one reason"), ("bob", "another")]
    assert await operator.lift(by="carol", because="both are settled") == found


@pytest.mark.parametrize("by,words", [("", "why"), ("alice", " "), ("a" * 201, "why"), ("alice", "w" * 501)])
async def test_a_nameless_or_groundless_order_is_refused(world: World, by: str, words: str) -> None:
    """Neither order turns the switch."""
    with pytest.raises(Invalid):
        await Halts(world.operator).halt_by_hand(by=by, detail=words)
    with pytest.raises(Invalid):
        await Halts(world.operator).lift(by=by, because=words)
    assert await world.halts() == []


async def test_a_lifted_halt_is_never_changed(world: World) -> None:
    """Not even by the role that may lift."""
    await Halts(world.operator).halt_by_hand(by="alice", detail="a drill")
    await Halts(world.operator).lift(by="bob", because="it is over")
    with (
        psycopg.connect(dsn_of("minting_operator", world.dsn)) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="not changed"),
    ):
        connection.execute("update minting.halts set lifted_by = 'carol'")
