"""Whoever reads the ledger reads cashback that no purchase earned as well: without a purchase, and with its reason."""

import csv
import io
from datetime import timedelta

import pytest

from cashback.kernel.money import TokenUnits
from cashback.ledger.model import Cause, MintRecord
from cashback.ledger.rules.proofs import check_proof
from cashback.ledger.rules.statements import words_of
from cashback.ledger.service import Recomputer, Recovery, Replays, Statements, trial_balance
from cashback.ledger.service.checking import Checker
from cashback.purchases.model import User
from tests.integration.ledger.adjusting import adjusted, credit_of, debit_of
from tests.integration.ledger.refunding import give_back, refunded
from tests.integration.ledger.sealing import seal_all
from tests.integration.ledger.test_proving import proof_of
from tests.integration.ledger.world import START, World, buy, minted_outcome, requests

DAY = timedelta(days=1)
WHY, WHY_BACK = "the parcel came late", "given to the wrong user"


async def lived_in(world: World) -> tuple[User, str]:
    """Return a user who bought, was given 5.00 by hand, lost 1.00 before the mint and 2.00 after it; and the credit."""
    programme = await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(buy(user, merchant))
    credit = await adjusted(world, credit_of(user, programme.id, reason=WHY))
    world.clock.advance(DAY)
    await adjusted(world, debit_of(credit.cashback_id, 100, reason=WHY_BACK))
    await world.request(credit.cashback_id)
    await world.settle(await minted_outcome(world, credit.cashback_id))
    world.clock.advance(DAY)
    await adjusted(world, debit_of(credit.cashback_id, 200, reason="and twice"))
    return user, credit.cashback_id


async def test_replaying_all_decisions_counts_those_of_purchases_alone(world: World) -> None:
    """Nobody decided a credit by a rule: there is nothing of it to differ, and nothing to stumble over."""
    await lived_in(world)
    found = await Replays(world.auditor).run(since=None, reached=lambda _: None)
    assert (found.decisions, found.different) == (1, 0)


async def test_a_statement_tells_the_reason_of_each_line_that_a_person_caused(world: World) -> None:
    """In JSON and in CSV; what was bought, turned into tokens and minted has none."""
    user, credit = await lived_in(world)
    statements = Statements(world.auditor)
    since, until = START - DAY, START + 30 * DAY
    told = await statements.page(user.id, since=since, until=until)
    lines = [*told.money_lines, *told.token_lines]
    by_hand = [(line.text, line.change, line.adjusted_because) for line in lines if line.adjusted_because]
    assert by_hand == [
        ("Cashback given by hand", "500", WHY),
        ("Less, because it was taken back by hand", "-100", WHY_BACK),
        ("Owed for cashback taken back by hand after its tokens had gone out", "-2000000", "and twice"),
    ]
    assert {line.cashback_id for line in lines if line.adjusted_because} == {credit}
    others = [line.text for line in lines if line.adjusted_because is None]
    assert sorted(others) == [
        "Cashback earned",
        "Tokens arrived in the wallet",
        "Tokens on their way to the wallet",
        "Turned into tokens",
    ]
    text = "".join([piece async for piece in await statements.csv(user.id, since=since, until=until)])
    rows = csv.DictReader(io.StringIO(text, newline=""))
    assert sorted(row["adjusted_because"] for row in rows if row["adjusted_because"]) == sorted(
        because for *_, because in by_hand
    )


async def test_a_refund_at_the_instant_of_a_debit_is_not_taken_for_it(world: World) -> None:
    """Each names itself: both take back of one cashback, at one time, and one of them is a person's."""
    await world.programme()
    user = await world.user()
    [purchase] = await world.record(buy(user, await world.merchant()))
    await adjusted(world, debit_of(purchase.cashback.id, 10, reason=WHY_BACK))
    await refunded(world, give_back(purchase, 2_000))
    told = await Statements(world.auditor).page(user.id, since=START, until=START + DAY)
    assert [(line.text, line.change, line.adjusted_because) for line in told.money_lines[1:]] == [
        ("Less, because it was taken back by hand", "-10", WHY_BACK),
        ("Less, because something was returned", "-30", None),
    ]
    await world.assert_books_prove()


async def test_what_a_debit_ends_is_told_as_taken_back(world: World) -> None:
    """Not as cancelled: nobody returned anything."""
    programme, user = await world.programme(), await world.user()
    credit = await adjusted(world, credit_of(user, programme.id))
    world.clock.advance(DAY)
    await adjusted(world, debit_of(credit.cashback_id, 500))
    told = await Statements(world.auditor).page(user.id, since=START, until=START + 2 * DAY)
    assert [line.text for line in told.money_lines] == ["Cashback given by hand", "Cashback taken back by hand"]


@pytest.mark.parametrize("cause", [Cause.REQUEST, Cause.MINT, Cause.NETTING])
def test_by_hand_or_not_tokens_go_the_same_way(cause: Cause) -> None:
    """Only what a person caused has words of its own."""
    assert words_of(cause, is_by_hand=True) == words_of(cause)


@pytest.mark.invariant("I8")
async def test_books_with_adjustments_balance_and_compute_to_the_same_balances(world: World) -> None:
    """Trial balance, every balance anew, and each proof of the books (I8)."""
    await lived_in(world)
    assert (await trial_balance(world.auditor, at=None, within_s=30)).is_balanced
    recomputed = await Recomputer(world.worker, clock=world.clock, by="alice").recompute()
    assert (recomputed.differences, recomputed.accounts > 0) == (0, True)
    await world.assert_books_prove()


async def test_lines_of_a_credit_are_sealed_checked_and_proved(world: World) -> None:
    """Each of them, from the grant to what is owed, though no decision stands behind them."""
    _, credit = await lived_in(world)
    await seal_all(world)
    checked = await Checker(world.auditor).check()
    assert (checked.flaw, checked.waiting) == (None, 0)
    proved = check_proof(await proof_of(world, credit))
    assert [line["cause"] for line in proved.lines] == ["accrual", "refund", "conversion", "request", "mint", "debt"]


@pytest.mark.invariant("I2", "I8")
async def test_a_credit_that_a_backup_brought_back_adopts_the_number_that_minting_holds_for_it(world: World) -> None:
    """As a cashback of a purchase does; it is not requested a second time."""
    programme, user = await world.programme(), await world.user()
    credit = await adjusted(world, credit_of(user, programme.id))
    held = MintRecord(
        number=7,
        cashback_id=credit.cashback_id,
        recipient=user.wallet or "",
        token_units=TokenUnits(int(credit.token_units)),
        state="minted",
    )
    [told] = await Recovery(world.worker, clock=world.clock).adopt([held], is_dry_run=False)
    assert (told.kind.value, told.number) == ("adopted", 7)
    await world.request()
    assert [request.mint_number for request in await requests(world)] == ["7"]
    await world.assert_books_prove()
