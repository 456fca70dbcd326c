"""Any life of many cashbacks whose purchases are returned, on a real database: before, while and after they are minted.

All that `test_life` does, and refunds by line and by amount, again, too many, ahead of their purchase, in batches.
"""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from cashback.ledger.rules import decode_grants, net
from cashback.purchases.model import Line, PurchaseAnswer, Recorded
from cashback.purchases.model.refunds import NewRefund, RefundAnswer, RefundState
from tests.integration.ledger.refunding import ahead_of, give_back, give_back_lines, refunds_of, write_offs_of
from tests.integration.ledger.world import buy
from tests.property.ledger.test_life import Life, places
from tests.support.servers import Databases

LINES = st.lists(st.integers(0, 20_000), min_size=1, max_size=3)


class Returns(Life):
    """A service where everything may be returned; debts are given up after a day."""

    def __init__(self) -> None:
        super().__init__()
        self.run(self.world.rows("update ledger.programmes set write_off_after_days = 1"))
        self.refunds = refunds_of(self.world)
        self.made: list[tuple[NewRefund, bytes]] = []
        self.nets: dict[str, int] = {}
        self.names = 0

    def purchases(self) -> list[PurchaseAnswer]:
        """Return what was bought, in order."""
        return [msgspec.json.decode(answer, type=PurchaseAnswer) for _, answer in self.answers.values()]

    @rule(user=st.integers(0, 2), lines=LINES, is_ahead=st.booleans(), early=st.integers(1, 30_000))
    def record_lines(self, user: int, lines: list[int], is_ahead: bool, early: int) -> None:  # drawn
        """Record a purchase of several lines, perhaps after its first refund."""
        self.names += 1
        name = f"A-{self.names}"
        if is_ahead:
            self.make(ahead_of(self.merchant, name, early))
        parts = tuple(Line(amount_minor=amount) for amount in lines)
        purchase = buy(self.users[user], self.merchant, sum(lines), lines=parts, reference=name)
        [outcome] = self.run(self.world.purchases.record([purchase]))
        assert isinstance(outcome, Recorded)
        self.answers[purchase.key] = (purchase, outcome.answer)

    @precondition(lambda self: self.answers)
    @rule(place=places, amounts=st.lists(st.integers(1, 20_000), min_size=1, max_size=3))
    def return_by_amount(self, place: int, amounts: list[int]) -> None:
        """Return parts of a purchase in one batch; those that are too much are refused."""
        purchase = self.purchases()[place % len(self.answers)]
        self.make(*[give_back(purchase, amount) for amount in amounts])

    @precondition(lambda self: self.answers)
    @rule(place=places, line=st.integers(1, 3), amount=st.integers(1, 20_000))
    def return_a_line(self, place: int, line: int, amount: int) -> None:
        """Return a part of a line, if there is so much of it."""
        purchase = self.purchases()[place % len(self.answers)]
        self.make(give_back_lines(purchase, (line, amount)))

    @precondition(lambda self: self.answers)
    @rule(place=places)
    def return_all(self, place: int) -> None:
        """Return what is left of a purchase; afterwards nothing is left of its cashback."""
        purchase = self.purchases()[place % len(self.answers)]
        left = self.run(
            self.world.one(
                "select (amount_minor - (select coalesce(sum(amount_minor), 0) from purchases.refunds"
                " where purchase_id = purchase.id))::bigint from purchases.purchases as purchase where id = %s",
                purchase.id,
            )
        )
        if left:
            assert self.make(give_back(purchase, left)) == 1
        cashback = "select net_minor from ledger.cashback_ledger where purchase_id = %s"
        assert self.run(self.world.one(cashback, purchase.id)) == 0

    @precondition(lambda self: self.made)
    @rule(place=places)
    def return_again(self, place: int) -> None:
        """Send a refund again: its answer is the same bytes, and nothing changes (I7)."""
        refund, answer = self.made[place % len(self.made)]
        assert self.run(self.refunds.refund_one(refund)) == Recorded(answer, is_replay=True)

    @rule(hours=st.integers(1, 30))
    def give_up(self, hours: int) -> None:
        """Let time pass, and give up debts that are too old."""
        self.world.clock.advance(timedelta(hours=hours))
        self.run(write_offs_of(self.world).round())

    def make(self, *refunds: NewRefund) -> int:
        """Make refunds, and return how many were not refused."""
        count = 0
        for refund, outcome in zip(refunds, self.run(self.refunds.refund(refunds)), strict=True):
            if isinstance(outcome, Recorded):
                self.made.append((refund, outcome.answer))
                count += 1
        return count

    @invariant()
    def everything_adds_up(self) -> None:
        """Hold the books and every net against what was returned (I1, I8)."""
        self.run(self.world.assert_books_prove())
        self.run(self._nets())

    async def _nets(self) -> None:
        """Check each net against the formula and all refunds that were applied; it never rises."""
        refunds = await self.world.rows("select purchase_id, answer from purchases.refunds")
        told = [(purchase_id, msgspec.json.decode(answer, type=RefundAnswer)) for purchase_id, answer in refunds]
        assert all(answer.state is RefundState.APPLIED for _, answer in told)
        for purchase_id, document, left in await self.world.rows(
            "select purchase_id, grants, net_minor from ledger.cashback_ledger where grants is not null"
        ):
            grants = decode_grants(document)
            lines = [0] * len(grants.lines)
            amount = 0
            for answer in (one for id_, one in told if id_ == purchase_id):
                for part in answer.lines:
                    lines[part.line - 1] += int(part.amount_minor)
                amount += 0 if answer.lines else int(answer.amount_minor)
            assert left == net(grants, lines, amount) <= self.nets.get(purchase_id, left)
            self.nets[purchase_id] = left


@pytest.mark.invariant("I1", "I2", "I7", "I8")
@pytest.mark.parametrize(
    "examples,steps",
    [
        pytest.param(5, 25, id="short"),
        pytest.param(100, 100, id="long", marks=[pytest.mark.deep, pytest.mark.timeout(3_600)]),
    ],
)
def test_whatever_is_returned_in_whatever_order_everything_adds_up(
    databases: Databases, examples: int, steps: int
) -> None:
    """Any sequence of purchases, refunds, requests, outcomes and retirements keeps I1, I2, I7, I8 and every net."""
    Returns.databases = databases
    run_state_machine_as_test(
        Returns,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
