"""Large grants wait for people, and the worker does what they say (I1, I4, I7, I8)."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from prometheus_client import REGISTRY

from cashback.kernel.errors import Rejected
from cashback.ledger import CashbackUnknown, ReviewAnswer
from cashback.ledger.model.life import NewReview, NotInReview, SecondPersonRequired, Verdict
from cashback.ledger.service import Queues
from cashback.ledger.service.reviews import say
from cashback.purchases.model import OPERATOR, FieldInvalid, Recorded, Refused
from cashback.purchases.model.verdicts import ReviewSaid
from cashback.purchases.service import Orders, Verdicts
from tests.integration.chain.waiting import eventually
from tests.integration.ledger.lives import bought, budget_left, life_of, postings, steps, told, with_terms
from tests.integration.ledger.world import World, buy, decoded, new_key

pytestmark = pytest.mark.invariant("I1", "I4", "I7", "I8")
WHY = "seen the invoice"


async def says(world: World, cashback_id: str, verdict: str = "approve", **changes: Any) -> ReviewAnswer:  # noqa: ANN401  # fields
    """Give the answer to a verdict of alice's.

    Raises:
        Rejected: why it was refused.
    """
    fields = {"owner": OPERATOR, "key": new_key(), "person": "alice", "reason": WHY, "key_id": "key_1"} | changes
    outcome = await Verdicts(Orders(world.api, clock=world.clock)).give(
        ReviewSaid(cashback_id=cashback_id, verdict=verdict, **fields)
    )
    if isinstance(outcome, Refused):
        raise outcome.error
    return decoded(outcome, ReviewAnswer)


async def test_of_what_is_in_review_it_is_said_that_it_is_looked_at(world: World) -> None:
    """While it is: by the answer to the purchase and by whoever asks; the reason and what is stored know nothing."""
    await with_terms(world, review_above_minor=150)
    user, merchant = await world.user(), await world.merchant()
    below, above = await world.record(buy(user, merchant, 10_000), buy(user, merchant, 10_100))
    assert below.cashback.explanation == "100.00 USD earned 1.50 USD: 1.500000 CBK."
    looked_at, granted = "It is looked at before it is granted.", "101.00 USD earned 1.51 USD: 1.510000 CBK."
    assert (above.cashback.state, above.cashback.reason) == ("review", "granted")
    assert above.cashback.explanation == f"{granted} {looked_at}"
    cashback_id = above.cashback.id
    stored = (await world.readings.cashback(cashback_id)).document
    assert (await world.readings.explanation(cashback_id)).text == f"{granted} {looked_at}"
    assert (await world.readings.explanation(below.cashback.id)).text == below.cashback.explanation
    await says(world, cashback_id)
    assert (await life_of(world).round()).reviewed == 1
    assert (await world.readings.explanation(cashback_id)).text == granted
    assert (await world.readings.cashback(cashback_id)).document == stored
    assert stored is not None
    assert looked_at.encode() not in stored


async def test_what_is_above_the_amount_waits_for_a_person_and_is_approved(world: World) -> None:
    """And what is not above it is approved at once."""
    await with_terms(world, review_above_minor=150)
    below, above = await bought(world, 10_000, 10_100)
    assert (await steps(world, below), await steps(world, above)) == (["approved"], ["review"])
    assert await told(world, above) == []
    assert (await life_of(world).round()).reviewed == 0
    answer = await says(world, above)
    assert (answer.approvals, answer.approvals_needed, answer.is_decided) == (1, 1, True)
    assert (await life_of(world).round()).reviewed == 1
    assert (await life_of(world).round()).reviewed == 0
    assert await steps(world, above) == ["review", "approved"]
    assert await postings(world, above) == [
        ("accrual", "budget", "pending", 151),
        ("approval", "pending", "approved", 151),
    ]
    assert await told(world, above) == ["cashback.approved"]
    await world.assert_books_prove()
    await world.request()
    assert await steps(world, above) == ["review", "approved", "mint_requested"]


async def test_what_is_approved_within_its_hold_is_held_for_the_rest(world: World) -> None:
    """No money moves and nobody is told until it is over."""
    await with_terms(world, review_above_minor=0, hold_days=30)
    [cashback_id] = await bought(world)
    await says(world, cashback_id)
    await life_of(world).round()
    assert await steps(world, cashback_id) == ["review", "pending"]
    assert (await postings(world, cashback_id), await told(world, cashback_id)) == (
        [("accrual", "budget", "pending", 150)],
        [],
    )
    await world.assert_books_prove()
    world.clock.advance(timedelta(days=30))
    await life_of(world).round()
    assert await steps(world, cashback_id) == ["review", "pending", "approved"]
    await world.assert_books_prove()


async def test_what_one_person_rejects_is_void_and_its_budget_whole_again(world: World) -> None:
    """Also where two would have to approve; and one who has approved is not asked again."""
    await with_terms(world, review_above_minor=0, second_above_minor=100)
    before = await budget_left(world)
    [cashback_id] = await bought(world)
    assert await budget_left(world) == before - 150
    await says(world, cashback_id)
    assert (await says(world, cashback_id, "reject", person="bob")).is_decided
    await life_of(world).round()
    assert await steps(world, cashback_id) == ["review", "voided"]
    assert (await postings(world, cashback_id))[1:] == [("void", "pending", "budget", 150)]
    assert await told(world, cashback_id) == ["cashback.voided"]
    assert await budget_left(world) == before
    await world.assert_books_prove()


async def test_above_the_second_amount_two_different_people_must_approve(world: World) -> None:
    """The same one twice is refused, however they write their name, and may not take it back either."""
    await with_terms(world, review_above_minor=0, second_above_minor=149)
    [cashback_id] = await bought(world)
    first = await says(world, cashback_id)
    assert (first.approvals, first.approvals_needed, first.is_decided) == (1, 2, False)
    assert (await life_of(world).round()).reviewed == 0
    for person, verdict in (("alice", "approve"), (" ALICE ", "approve"), ("Alice", "reject")):
        with pytest.raises(SecondPersonRequired):
            await says(world, cashback_id, verdict, person=person)
    assert (await says(world, cashback_id, person="bob")).is_decided
    with pytest.raises(NotInReview):
        await says(world, cashback_id, "reject", person="carol")
    await life_of(world).round()
    assert await steps(world, cashback_id) == ["review", "approved"]


@pytest.mark.parametrize(
    "first,again",
    [
        ("Ren\u00e9", "Rene\u0301"),
        ("alice", "\uff21\uff4c\uff49\uff43\uff45"),
        ("Ann Lee", "ann   LEE"),
        ("Stra\u00dfe", "STRASSE"),
    ],
)
async def test_one_person_is_one_however_unicode_writes_the_name(world: World, first: str, again: str) -> None:
    """Composed or not, in full width, with more blanks, folded: these are two eyes and not four."""
    await with_terms(world, review_above_minor=0, second_above_minor=149)
    [cashback_id] = await bought(world)
    await says(world, cashback_id, person=first)
    with pytest.raises(SecondPersonRequired):
        await says(world, cashback_id, person=again)
    assert (await says(world, cashback_id, person="bob")).is_decided


@pytest.mark.parametrize("again", ["STRASSE", "strasse", " Stra\u1e9ee "])
async def test_of_two_spellings_of_one_name_at_once_one_is_let_in(world: World, again: str) -> None:
    """Neither has seen the other's verdict: the second waits for the first to commit, and is refused."""
    await with_terms(world, review_above_minor=0, second_above_minor=149)
    [cashback_id] = await bought(world)
    review = NewReview(cashback_id=cashback_id, verdict=Verdict.APPROVE, person="", reason="seen", key_id="key_1")
    has_said, may_commit = asyncio.Event(), asyncio.Event()

    async def says_first() -> None:
        """Say it, and commit when told."""
        async with world.api.transaction() as tx:
            await say(tx, msgspec.structs.replace(review, person="Stra\u00dfe"), now=world.clock.now())
            has_said.set()
            await may_commit.wait()

    async def says_second() -> None:
        """Say it under the other spelling."""
        async with world.api.transaction() as tx:
            await say(tx, msgspec.structs.replace(review, person=again), now=world.clock.now())

    first = asyncio.create_task(says_first())
    await has_said.wait()
    second = asyncio.create_task(says_second())
    waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and usename = 'cashback_api'"

    async def is_waiting() -> bool | None:
        """Tell whether the second waits for the first, or is done."""
        return True if second.done() or await world.one(waits) else None

    await eventually(is_waiting)
    may_commit.set()
    await first
    with pytest.raises(SecondPersonRequired):
        await second
    assert await world.one("select count(*) from ledger.reviews") == 1


async def test_the_same_verdict_under_the_same_key_is_said_once(world: World) -> None:
    """Whoever lost the answer asks again, if need be with another API key, and gets the same one."""
    await with_terms(world, review_above_minor=0)
    [cashback_id] = await bought(world)
    verdicts, key = Verdicts(Orders(world.api, clock=world.clock)), new_key()
    said = [
        await verdicts.give(
            ReviewSaid(
                owner=OPERATOR,
                key=key,
                cashback_id=cashback_id,
                verdict="approve",
                person="alice",
                reason=WHY,
                key_id=key_id,
            )
        )
        for key_id in ("key_1", "key_2")
    ]
    assert isinstance(said[0], Recorded)
    assert said[1] == Recorded(said[0].answer, is_replay=True)
    assert await world.one("select count(*) from ledger.reviews") == 1


async def test_what_does_not_wait_and_who_does_not_say_why_is_refused(world: World) -> None:
    """By code; nothing is written down."""
    await with_terms(world, review_above_minor=100)
    below, above = await bought(world, 5_000, 10_000)
    refusals: list[tuple[str, dict[str, str], type[Rejected]]] = [
        (below, {}, NotInReview),
        ("cb_unknown", {}, CashbackUnknown),
        (above, {"person": " "}, FieldInvalid),
        (above, {"reason": ""}, FieldInvalid),
        (above, {"reason": "x" * 501}, FieldInvalid),
    ]
    for cashback_id, changes, kind in refusals:
        with pytest.raises(kind):
            await says(world, cashback_id, **changes)
    assert await world.one("select count(*) from ledger.reviews") == 0


async def test_the_queue_shows_the_oldest_first_page_by_page_and_its_age_is_a_figure(world: World) -> None:
    """So nothing hangs unseen (I4)."""
    await with_terms(world, review_above_minor=0, second_above_minor=0)
    ids = await bought(world, 10_000, 20_000, 30_000)
    await says(world, ids[1])
    queues = Queues(world.api, clock=world.clock)
    first, place = await queues.reviews(limit=2, place=None)
    rest, end = await queues.reviews(limit=2, place=place)
    assert [item.cashback_id for item in (*first, *rest)] == ids
    assert (end, [len(item.reviews) for item in first], first[1].reviews[0].person) == (None, [0, 1], "alice")
    world.clock.advance(timedelta(hours=5))
    await life_of(world).round()
    names = ("cashback_ledger_reviews_waiting", "cashback_ledger_review_oldest_seconds")
    figures = [REGISTRY.get_sample_value(name) for name in names]
    assert figures == [3, 5 * 3_600]


async def test_verdicts_stay_as_they_are_and_only_the_api_writes_them(world: World) -> None:
    """Append-only, by grant and by trigger; whoever writes verdicts can move nothing."""
    await with_terms(world, review_above_minor=0)
    [cashback_id] = await bought(world)
    await says(world, cashback_id)
    for role, statement in (
        ("cashback_owner", "update ledger.reviews set person = 'mallory'"),
        ("cashback_owner", "delete from ledger.reviews"),
        ("cashback_ledger", "insert into ledger.reviews (cashback_id, verdict) values ('cb_1', 'approve')"),
        ("cashback_api", "update ledger.cashback_ledger set state = 'approved'"),
    ):
        with (
            psycopg.connect(world.dsns.of(role), autocommit=True) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())
