"""Any life of many cashbacks, on a real database: recorded, requested, swept, settled, repeated, in any order."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from cashback.events.minting import TokenMintFailed
from cashback.ledger.model import NUMBER_RETIRED
from cashback.purchases.model import NewPurchase, Recorded
from tests.integration.ledger.outcomes import minted_after, reverted_outcome
from tests.integration.ledger.world import (
    World,
    buy,
    failed_outcome,
    fresh_database,
    open_world,
    requests,
    wallet_number,
)
from tests.support.servers import Databases

T = TypeVar("T")
BUDGET = 2_000
places = st.integers(0, 10**6)
REVERSALS_MAX = 3


class Life(RuleBasedStateMachine):
    """A service with three users, the last of whom has no wallet at first, and a budget that may run out."""

    databases: ClassVar[Databases]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.closing = ExitStack()
        self.service = AsyncExitStack()
        dsns = self.closing.enter_context(fresh_database(self.databases))
        self.world: World = self.run(self.service.enter_async_context(open_world(dsns, connections_max=2)))
        self.run(self.world.programme(budget=BUDGET))
        self.run(self.world.rows("update ledger.programmes set users_per_wallet = 3"))
        self.merchant = self.run(self.world.merchant())
        self.users = [self.run(self.world.user(wallet=wallet)) for wallet in ("any", "any", None)]
        self.answers: dict[str, tuple[NewPurchase, bytes]] = {}
        self.minted: set[str] = set()
        self.retired: set[str] = set()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine comes to."""
        return self.runner.run(coroutine)

    @rule(amounts=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60_000)), min_size=1, max_size=5))
    def record(self, amounts: list[tuple[int, int]]) -> None:
        """Record a batch of purchases."""
        batch = [buy(self.users[user], self.merchant, amount) for user, amount in amounts]
        for purchase, outcome in zip(batch, self.run(self.world.purchases.record(batch)), strict=True):
            assert isinstance(outcome, Recorded)
            self.answers[purchase.key] = (purchase, outcome.answer)

    @precondition(lambda self: self.answers)
    @rule(place=places)
    def repeat(self, place: int) -> None:
        """Send a purchase again: its answer is the same bytes, whatever has happened since (I7)."""
        purchase, answer = list(self.answers.values())[place % len(self.answers)]
        assert self.run(self.world.purchases.record_one(purchase)) == Recorded(answer, is_replay=True)

    @rule(user=st.integers(0, 2), number=st.integers(1, 5))
    def link(self, user: int, number: int) -> None:
        """Set a user's wallet."""
        self.run(self.world.link(self.users[user], wallet_number(number)))

    @rule()
    def deliver_approvals(self) -> None:
        """Deliver every approval there ever was, once more."""
        self.run(self.world.request())

    @rule(place=places, kind=st.sampled_from(["minted", "retry", "stuck", "reverted"]), reversals=st.integers(0, 2))
    def deliver_outcome(self, place: int, kind: str, reversals: int) -> None:
        """Deliver some outcome of some cashback's newest request, perhaps again, after reversals told late or never.

        A retired number is never minted, nor is its retirement taken back.
        """
        found = self.run(requests(self.world))
        if not found:
            return
        cashback_id = found[place % len(found)].cashback_id
        newest = {each.cashback_id: each.mint_number for each in found}[cashback_id]
        if kind == "minted":
            if newest not in self.retired:
                self.minted.add(newest)
                self.run(self.world.settle(self.run(minted_after(self.world, cashback_id, reversals=reversals))))
        elif kind == "reverted":
            if newest not in self.retired:
                void = self.run(reverted_outcome(self.world, cashback_id, reversals=reversals + 1))
                self.run(self.world.settle(void))
        else:
            is_retried = kind == "retry"
            outcome = self.run(failed_outcome(self.world, cashback_id, will_retry=is_retried))
            self.run(self.world.settle(msgspec.structs.replace(outcome, reversals=reversals)))

    @rule(place=places)
    def deliver_retirement(self, place: int) -> None:
        """Deliver that the number of some request is retired, perhaps one that was given up since."""
        found = [each for each in self.run(requests(self.world)) if each.mint_number not in self.minted]
        if not found:
            return
        request = found[place % len(found)]
        self.retired.add(request.mint_number)
        outcome = TokenMintFailed(
            mint_number=request.mint_number,
            cashback_id=request.cashback_id,
            reason=NUMBER_RETIRED,
            will_retry=False,
            reversals=REVERSALS_MAX,
        )
        self.run(self.world.settle(outcome))

    @precondition(lambda self: self.retired)
    @rule(place=places)
    def give_back(self, place: int) -> None:
        """Give a cashback back whose number is retired, perhaps again."""
        number = sorted(self.retired)[place % len(self.retired)]
        self.run(self.world.retirements.give_back(int(number), by="alice", because="a test"))

    @rule(minutes=st.integers(0, 90))
    def sweep(self, minutes: int) -> None:
        """Let time pass, and sweep."""
        self.world.clock.advance(timedelta(minutes=minutes))
        self.run(self.world.sweeper.round())

    def teardown(self) -> None:
        """Check everything that must hold, and close the service."""
        try:
            self.run(self._check())
            self.run(self.service.aclose())
        finally:
            self.runner.close()
            self.closing.close()

    async def _check(self) -> None:
        """State the invariants."""
        await self.world.assert_books_prove()  # I1, I8
        budget = await self.world.readings.programme()
        assert 0 <= budget.budget_left <= BUDGET
        assert await self.world.one("select count(*) from purchases.purchases") == len(self.answers)  # I7
        found = await requests(self.world)
        live = {each.mint_number for each in found if each.mint_number not in self.retired}
        assert len(live) == len({each.cashback_id for each in found if each.mint_number in live})  # I2
        assert not self.minted & self.retired
        assert len({(each.mint_number, each.recipient, each.token_units) for each in found}) == len(
            {each.mint_number for each in found}
        )
        for cashback in await self.world.readings.mints():
            assert await self.world.readings.replayed(cashback) == cashback.document


@pytest.mark.invariant("I1", "I2", "I7", "I8")
@pytest.mark.parametrize(
    "examples,steps",
    [
        pytest.param(8, 25, id="short"),
        pytest.param(100, 100, id="long", marks=[pytest.mark.deep, pytest.mark.timeout(1_800)]),
    ],
)
def test_whatever_happens_in_whatever_order_everything_adds_up(databases: Databases, examples: int, steps: int) -> None:
    """Any sequence of commands, deliveries and sweeps keeps I1, I2, I7 and I8, and the budget."""
    Life.databases = databases
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
