"""A cashback whose mint number was retired is given back, and requested under another number (I1, I2, I8)."""

import psycopg
import pytest

from cashback.events.minting import TokenMintFailed
from cashback.kernel.errors import Invalid
from cashback.ledger.model import CashbackUnknown, NumberNotRetired, OutcomeContradicts, State
from tests.integration.ledger.world import World, buy, failed_outcome, minted_outcome, requests, wallet_number

WHY = "the wallet is lost"
REQUESTED_BY_HAND = (
    "state = 'mint_requested', mint_number = 5, recipient = '0x' || repeat('1', 40), request = '', "
    "requested_at = now(), reissue_after = now()"
)


async def retired(world: World) -> TokenMintFailed:
    """Give the outcome of the only cashback there is: requested, and its number retired since."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    outcome = await failed_outcome(world, reason="number_retired")
    await world.settle(outcome)
    return outcome


async def states(world: World) -> list[str]:
    """Return where every step led, in order."""
    return [row[0] for row in await world.rows("select to_state from ledger.cashback_transitions order by position")]


@pytest.mark.invariant("I1", "I2", "I8")
async def test_it_gets_another_number_for_the_wallet_of_that_day_and_is_minted(world: World) -> None:
    """The books turn the tokens back into money and into tokens again; the old request is kept as it was."""
    outcome = await retired(world)
    [first] = await requests(world)
    [(user_id,)] = await world.rows("select user_id from ledger.cashback_ledger")
    await world.rows("update ledger.recipients set wallet = %s where user_id = %s", wallet_number(77), user_id)
    assert await world.retirements.give_back(int(outcome.mint_number), by="alice", because=WHY)
    await world.assert_books_prove()
    assert (await world.readings.cashback(outcome.cashback_id)).state is State.APPROVED
    world.clock.advance(world.policy.missed_after * 2)
    await world.sweeper.round()
    [_, second] = await requests(world)
    assert (second.cashback_id, second.token_units) == (first.cashback_id, first.token_units)
    assert second.recipient == wallet_number(77) != first.recipient
    assert int(second.mint_number) > int(first.mint_number)
    await world.settle(await minted_outcome(world, outcome.cashback_id))
    await world.assert_books_prove()
    assert await states(world) == ["approved", "mint_requested", "stuck", "approved", "mint_requested", "minted"]
    [kept] = await world.readings.retired_numbers()
    assert (kept.number, kept.recipient, kept.person, kept.reason) == (
        int(first.mint_number),
        first.recipient,
        "alice",
        WHY,
    )


@pytest.mark.invariant("I1", "I8")
async def test_giving_back_twice_changes_nothing(world: World) -> None:
    """Whoever lost the answer asks again."""
    outcome = await retired(world)
    number = int(outcome.mint_number)
    assert await world.retirements.give_back(number, by="alice", because=WHY)
    assert not await world.retirements.give_back(number, by="bob", because=WHY)
    assert len(await world.readings.retired_numbers()) == 1
    await world.assert_books_prove()


@pytest.mark.invariant("I2")
@pytest.mark.parametrize("state", ["mint_requested", "stuck", "minted"])
async def test_what_may_still_be_minted_keeps_its_number(world: World, state: str) -> None:
    """In flight, stuck for another reason, or minted: refused by the code."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    if state == "stuck":
        await world.settle(await failed_outcome(world, reason="recipient_reserved"))
    if state == "minted":
        await world.settle(await minted_outcome(world))
    [request] = await requests(world)
    with pytest.raises(NumberNotRetired, match=state):
        await world.retirements.give_back(int(request.mint_number), by="alice", because=WHY)
    assert await world.readings.retired_numbers() == []


async def test_what_nobody_requested_or_nobody_orders_is_refused(world: World) -> None:
    """A number of no cashback; no name; no reason."""
    outcome = await retired(world)
    with pytest.raises(CashbackUnknown):
        await world.retirements.give_back(10**9, by="alice", because=WHY)
    for by, because in (("", WHY), ("alice", " ")):
        with pytest.raises(Invalid):
            await world.retirements.give_back(int(outcome.mint_number), by=by, because=because)


async def test_a_cashback_that_is_stuck_for_something_else_learns_that_its_number_was_retired(world: World) -> None:
    """An operator cancelled what the adapter had refused; only then can it be given back."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    await world.settle(await failed_outcome(world, reason="recipient_reserved"))
    outcome = await failed_outcome(world, reason="number_retired")
    await world.settle(outcome)
    assert (await world.readings.cashback(outcome.cashback_id)).failure == "number_retired"
    assert await world.retirements.give_back(int(outcome.mint_number), by="alice", because=WHY)
    await world.assert_books_prove()


@pytest.mark.invariant("I5", "I6")
async def test_a_late_failure_of_a_number_that_was_given_up_is_passed_over(world: World) -> None:
    """Also beside the outcome of the new number, in one batch."""
    old = await retired(world)
    await world.retirements.give_back(int(old.mint_number), by="alice", because=WHY)
    await world.settle(old)
    assert (await world.readings.cashback(old.cashback_id)).state is State.APPROVED
    world.clock.advance(world.policy.missed_after * 2)
    await world.sweeper.round()
    await world.settle(old, await minted_outcome(world, old.cashback_id))
    assert (await world.readings.cashback(old.cashback_id)).state is State.MINTED
    await world.assert_books_prove()


@pytest.mark.invariant("I2")
async def test_a_mint_under_a_number_that_was_given_up_pages(world: World) -> None:
    """It cannot be; if it is, a cashback may have been minted twice."""
    old = await retired(world)
    minted = await minted_outcome(world)
    await world.retirements.give_back(int(old.mint_number), by="alice", because=WHY)
    with pytest.raises(OutcomeContradicts, match="retired"):
        await world.settle(minted)


@pytest.mark.invariant("I2", "I3")
@pytest.mark.parametrize("role", ["cashback_ledger", "cashback_operator"])
async def test_the_schema_gives_nothing_back_without_a_row_about_the_number(world: World, role: str) -> None:
    """Whoever asks: the worker may not write that row, and the operator's row has to be the true one."""
    await retired(world)
    step = (
        "update ledger.cashback_ledger set state = 'approved', mint_number = null, recipient = null, request = null, "
        "requested_at = null, reissue_after = null, failure = null"
    )
    false = (
        "insert into ledger.retired_numbers "
        "(number, cashback_id, recipient, request, requested_at, requested_units, reason, person, at) "
        "select mint_number, id, recipient, '', requested_at, requested_units, 'x', 'x', now() "
        "from ledger.cashback_ledger"
    )
    with psycopg.connect(world.dsns.of(role), autocommit=True) as connection:
        if role == "cashback_operator":
            connection.execute(false)
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="not retired"):
            connection.execute(step)


@pytest.mark.invariant("I3")
@pytest.mark.parametrize("change", [REQUESTED_BY_HAND, "failure = 'number_retired'", "reissues = 0"])
async def test_the_operator_takes_no_other_step(world: World, change: str) -> None:
    """Least of all one that would mint to whom it likes."""
    await world.programme()
    await world.record(buy(await world.user(wallet=None), await world.merchant()))
    with (
        psycopg.connect(world.dsns.of("cashback_operator"), autocommit=True) as connection,
        pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="cannot go"),
    ):
        connection.execute(f"update ledger.cashback_ledger set {change}".encode())
