"""A cashback whose number was retired gets another one, and a person has a stuck mint tried again (I2)."""

import asyncio
from typing import Final

import psycopg
import pytest

from cashback.kernel.config import Secret
from cashback.kernel.errors import Invalid
from cashback.minting import MintRetired, MintSettled, MintState, Readings, Retries
from cashback.minting.model import MintNotFound
from cashback.processes import retrying
from tests.integration.minting.world import World, cashback, dsn_of, eventually, request
from tests.support.adapter import HOST

WHY = "the adapter was repaired"
NOWHERE: Final = "postgresql://nobody@127.0.0.1:1/nowhere"
"""Where nobody is asked."""


async def fail(world: World, number: int, reason: str) -> None:
    """Take a request in, have the adapter accept it, and tell that it failed."""
    await world.take(request(number))
    await world.submitter().submit_due()
    world.fake.fail(number, reason)
    await world.follow()


@pytest.mark.invariant("I2")
async def test_a_retired_number_is_followed_by_another_which_is_minted(world: World) -> None:
    """Both stay on record; whoever asks for the cashback is shown the newer one."""
    await fail(world, 1, "number_retired")
    await world.take(request(2, cashback_id=cashback(1)))
    assert await world.states() == {1: "stuck", 2: "requested"}
    await world.submitter().submit_due()
    world.fake.mint([2])
    await world.follow()
    assert await world.states() == {1: "stuck", 2: "minted"}
    assert (await Readings(world.auditor).show_for(cashback(1))).number == 2
    assert await world.halts() == []


@pytest.mark.invariant("I2")
@pytest.mark.parametrize("reason", [None, "skipped"])
async def test_a_second_number_beside_one_that_may_be_minted_halts(world: World, reason: str | None) -> None:
    """In flight, or stuck for something that may still turn out minted."""
    await world.take(request(1))
    await world.submitter().submit_due()
    if reason:
        world.fake.fail(1, reason)
        await world.follow()
    await world.take(request(2, cashback_id=cashback(1)))
    assert await world.halts() == [("second_number", 2, cashback(1))]
    assert set(await world.states()) == {1}


@pytest.mark.invariant("I2")
async def test_two_new_numbers_in_one_batch_are_one_too_many(world: World) -> None:
    """The first is stored, the second is refused."""
    await fail(world, 1, "number_retired")
    await world.take(request(2, cashback_id=cashback(1)), request(3, cashback_id=cashback(1)))
    assert await world.states() == {1: "stuck", 2: "requested"}
    assert await world.halts() == [("second_number", 3, cashback(1))]


async def test_the_request_of_a_retired_number_is_told_again_that_it_failed(world: World) -> None:
    """Also when its cashback has another number since: an old delivery changes nothing."""
    await fail(world, 1, "number_retired")
    await world.take(request(2, cashback_id=cashback(1)))
    await world.take(request(1))
    failures = [event["mint_number"] for event in await world.events("token.mint.failed")]
    assert (failures, await world.states()) == (["1", "1"], {1: "stuck", 2: "requested"})


@pytest.mark.invariant("I2")
async def test_the_schema_itself_keeps_a_retired_number_from_coming_back_beside_another(world: World) -> None:
    """Whatever the code decides."""
    await fail(world, 1, "number_retired")
    await world.take(request(2, cashback_id=cashback(1)))
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        world.execute(
            "update minting.mints set state = 'requested', reason = null, decided_at = null, "
            "submit_after = now() where number = 1"
        )
    assert caught.value.diag.constraint_name == "mint_cashback_once"


async def test_a_stuck_mint_is_retried_under_its_number_in_a_persons_name(world: World) -> None:
    """The adapter refused it, was told otherwise, and takes it now; who, why and what it was is kept."""
    await world.take(request(1))
    world.execute(
        "update minting.mints set state = 'stuck', reason = 'recipient_reserved', decided_at = now(), "
        "submit_after = null"
    )
    assert await Retries(world.operator).retry(1, by="alice", because=WHY) == (MintState.STUCK, "recipient_reserved")
    await world.submitter().submit_due()
    world.fake.mint([1])
    await world.follow()
    assert await world.states() == {1: "minted"}
    assert await world.rows("select number, was_state, was_reason, because, person from minting.mint_journal") == [
        (1, "stuck", "recipient_reserved", WHY, "alice")
    ]


async def test_what_the_adapter_has_refused_for_good_is_stuck_again_at_once(world: World) -> None:
    """A mint never hangs between a retry and an outcome that was told before."""
    await fail(world, 1, "skipped")
    await Retries(world.operator).retry(1, by="alice", because=WHY)
    await world.submitter().submit_due()
    assert await world.rows("select state, reason from minting.mints") == [("stuck", "skipped")]


async def test_an_open_mint_is_hastened(world: World) -> None:
    """It keeps its state, and is due."""
    await world.take(request(1))
    await world.submitter().submit_due()
    assert await world.due() == []
    assert await Retries(world.operator).retry(1, by="alice", because=WHY) == (MintState.ACCEPTED, None)
    assert (await world.due(), await world.states()) == ([1], {1: "accepted"})


async def test_what_is_settled_or_unknown_is_not_retried(world: World) -> None:
    """Nothing is kept of it."""
    await world.mint(1)
    await fail(world, 2, "number_retired")
    retries = Retries(world.operator)
    with pytest.raises(MintSettled):
        await retries.retry(1, by="alice", because=WHY)
    with pytest.raises(MintRetired):
        await retries.retry(2, by="alice", because=WHY)
    with pytest.raises(MintNotFound):
        await retries.retry(3, by="alice", because=WHY)
    for by, because in (("", WHY), ("alice", " ")):
        with pytest.raises(Invalid):
            await retries.retry(1, by=by, because=because)
    assert await world.rows("select from minting.mint_journal") == []
    assert await world.states() == {1: "minted", 2: "stuck"}


async def test_whose_mint_is_retired_while_it_is_tried_again_is_told_to_ask_once_more(world: World) -> None:
    """Minting hears of it after it was looked at: what is asked then is another thing, which has its own order."""
    await world.take(request(1))
    await world.submitter().submit_due()
    settings = retrying.Settings(
        adapter_address=f"{HOST}:{world.fake.port}",
        minting_audit_dsn=Secret(dsn_of("minting_auditor", world.dsn)),
        minting_operator_dsn=Secret(dsn_of("minting_operator", world.dsn)),
        ledger_operator_dsn=Secret(NOWHERE),
    )
    world.fake.answering.clear()
    retried = asyncio.ensure_future(retrying.retry(settings, "1", by="alice", reason=WHY))

    async def is_asked() -> bool:
        """Tell whether the adapter was asked to let it go, after minting was asked what it is."""
        return world.fake.let_go == [1]

    await eventually(is_asked)
    world.fake.fail(1, "number_retired")
    await world.follow()
    world.fake.answering.set()
    with pytest.raises(MintRetired, match="run it again"):
        await retried
    assert await world.rows("select from minting.mint_journal") == []
