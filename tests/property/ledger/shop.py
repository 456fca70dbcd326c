"""What customers and merchants do to the machine: purchases and refunds, each to the services and to the reference."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from random import Random
from typing import Any, ClassVar, TypeVar

import msgspec
from hypothesis import currently_in_test_context, event, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from cashback.ledger import Life
from cashback.purchases.model import Line, NewPurchase, PurchaseAnswer, Recorded
from cashback.purchases.model.refunds import NewRefund, RefundKind
from tests.integration.ledger.refunding import ahead_of, give_back, give_back_lines, refunds_of
from tests.integration.ledger.world import buy
from tests.property.ledger.drawing import draw
from tests.property.ledger.opening import Openings
from tests.property.ledger.reference import Debtor, Expected
from tests.property.ledger.reference_book import Book
from tests.property.ledger.reference_decision import decide
from tests.property.ledger.sight import watched
from tests.property.ledger.stage import EXPONENTS, PROGRAMME_OF, START, Stage

T = TypeVar("T")


class Shop(RuleBasedStateMachine):
    """Three users, one without a wallet at first, two merchants, three programmes; `effects` counts what happened."""

    openings: ClassVar[Openings]
    effects: ClassVar[Counter[str]] = Counter()
    edges: ClassVar[Counter[tuple[str, str]]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.closing = ExitStack()
        self.service = AsyncExitStack()
        dsns, opening = self.closing.enter_context(self.openings.fresh())
        self.world = self.run(self.service.enter_async_context(watched(dsns)))
        self.sight = self.world.sight
        self.schemes, self.merchants, self.users = opening.schemes, opening.merchants, opening.users
        self.stage, self.life = Stage(self.world), Life(self.world.worker, clock=self.world.clock)
        self.refunds, self.book = refunds_of(self.world), Book()
        self.purchases: dict[str, PurchaseAnswer] = {}
        self.recorded: list[tuple[NewPurchase, bytes]] = []
        self.refunded: list[tuple[NewRefund, bytes]] = []
        self.blocked: set[str] = set()
        self.tiers: dict[str, str | None] = {}
        self.retired: set[int] = set()
        self.names = self.wallets = 0
        self.book.wallets |= {user.id for user in self.users[:2]}
        self.book.debtors = {user.id: Debtor() for user in self.users}

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine comes to."""
        return self.runner.run(coroutine)

    def did(self, what: str) -> None:
        """Count something that had an effect."""
        self.effects[what] += 1
        if currently_in_test_context():
            event(what)

    @rule(seed=st.integers(0, 2**64 - 1))
    def step(self, seed: int) -> None:
        """Do one thing that is drawn by its weight: rules of their own would be left out of whole examples."""
        name, drawn = draw(Random(seed))  # noqa: S311  # a drawn seed, no secret
        if currently_in_test_context():
            note(f"{name}({drawn})")
        before = self.effects.total()
        getattr(self, name)(**drawn)
        if self.effects.total() > before:
            self.did(f"step:{name}")

    def among(self, place: int, fits: Callable[[Expected], bool]) -> tuple[str, Expected] | None:
        """Return one of the cashbacks that fit, or None."""
        found = [(id_, one) for id_, one in self.book.cashbacks.items() if fits(one)]
        return found[place % len(found)] if found else None

    # ---- purchases ----

    def buy(self, user: int, merchant: int, code: str, lines: Sequence[int], hours: int) -> NewPurchase:
        """Return a purchase that occurred up to so many hours ago, though not before there was anything."""
        occurred = max(START, self.world.clock.now() - timedelta(hours=hours))
        self.names += 1
        return buy(
            self.users[user],
            self.merchants[merchant],
            sum(lines),
            currency=code,
            occurred_at=occurred,
            reference=f"A-{self.names}",
            lines=tuple(Line(amount_minor=line) for line in lines) if len(lines) > 1 else None,
        )

    def expect(self, purchases: Sequence[NewPurchase]) -> list[PurchaseAnswer]:
        """Record purchases, and hold each answer against what the reference decides."""
        answers = []
        for purchase, outcome in zip(purchases, self.run(self.world.purchases.record(purchases)), strict=True):
            assert isinstance(outcome, Recorded), outcome
            self.recorded.append((purchase, outcome.answer))
            answer = msgspec.json.decode(outcome.answer, type=PurchaseAnswer)
            costs = [line.amount_minor for line in purchase.lines] if purchase.lines else [purchase.amount_minor]
            one = Expected(
                self.schemes[PROGRAMME_OF[purchase.currency]],
                purchase.user_id,
                purchase.merchant_id,
                purchase.occurred_at,
                costs,
                currency=purchase.currency,
                exponent=EXPONENTS[purchase.currency],
                tier=self.tiers.get(purchase.user_id),
                returned=[0] * len(costs),
            )
            decide(one, self.world.clock.now(), is_blocked=purchase.user_id in self.blocked)
            self.book.cashbacks[answer.cashback.id] = one
            self.purchases[answer.cashback.id] = answer
            self.did(f"record:{one.state}")
            if one.amount and one.currency != one.scheme.currency:
                self.did("record:exchanged")
            if one.amount and one.tier:
                self.did(f"record:{one.tier}")
            answers.append(answer)
        return answers

    def record(self, many: list[tuple[int, int, str, list[int]]], hours: int) -> None:
        """Record a batch over several programmes."""
        purchases = [self.buy(user, merchant, code, lines, hours) for user, merchant, code, lines in many]
        for purchase, answer in zip(purchases, self.expect(purchases), strict=True):
            one = self.book.cashbacks[answer.cashback.id]
            assert (int(answer.cashback.amount_minor), answer.cashback.state) == (one.amount, one.state), purchase

    def record_again(self, place: int) -> None:
        """Send a purchase again: the same bytes, whatever has happened since (I7)."""
        if not self.recorded:
            return
        purchase, answer = self.recorded[place % len(self.recorded)]
        assert self.run(self.world.purchases.record_one(purchase)) == Recorded(answer, is_replay=True)
        self.did("record_again")

    def record_what_was_returned(self, user: int, code: str, lines: list[int], early: int) -> None:
        """Return a part of a purchase before it is known; it is taken back, or refused, as the purchase arrives."""
        purchase = self.buy(user, 0, code, lines, 0)
        refund = ahead_of(self.merchants[0], purchase.reference or "", early)
        [outcome] = self.run(self.refunds.refund([refund]))
        assert isinstance(outcome, Recorded), outcome
        self.refunded.append((refund, outcome.answer))
        [answer] = self.expect([purchase])
        one = self.book.cashbacks[answer.cashback.id]
        if early <= one.left:
            self.book.refund(one, {}, early, self.world.clock.now())
            self.did("refund:ahead")

    # ---- refunds ----

    def refund(self, cashback_id: str, refund: NewRefund, *, lines: dict[int, int], amount: int, kind: str) -> None:
        """Make a refund, which is refused when it is too much and nothing else."""
        one = self.book.cashbacks[cashback_id]
        too_much = any(part > one.costs[place] - one.returned[place] for place, part in lines.items())
        [outcome] = self.run(self.refunds.refund([refund]))
        is_refused = too_much or sum(lines.values()) + amount > one.left
        assert isinstance(outcome, Recorded) is not is_refused, outcome
        if isinstance(outcome, Recorded):
            before = one.state
            self.refunded.append((refund, outcome.answer))
            self.book.refund(one, lines, amount, self.world.clock.now())
            self.did(f"refund:{kind}")
            self.did(f"refund_in:{before}")
        else:
            self.did("refund:refused")

    def return_by_amount(self, place: int, per_mille: int, kind: RefundKind) -> None:
        """Return a part of what is left of a purchase, or more than that."""
        found = self.among(place, lambda one: one.left > 0)
        if found:
            amount = max(found[1].left * per_mille // 1_000, 1)
            refund = give_back(self.purchases[found[0]], amount, kind=kind)
            self.refund(found[0], refund, lines={}, amount=amount, kind=kind.value)

    def return_a_line(self, place: int, line: int, amount: int) -> None:
        """Return a part of a line, or more than that."""
        found = self.among(place, lambda one: one.left > 0)
        if found:
            at = line % len(found[1].costs)
            refund = give_back_lines(self.purchases[found[0]], (at + 1, amount))
            self.refund(found[0], refund, lines={at: amount}, amount=0, kind="line")

    def return_all(self, place: int, states: tuple[str, ...]) -> None:
        """Return everything that is left: nothing is left of the cashback."""
        found = self.among(place, lambda one: one.state in states and one.left > 0)
        if found:
            amount = found[1].left
            self.refund(found[0], give_back(self.purchases[found[0]], amount), lines={}, amount=amount, kind="all")
            assert found[1].net == 0

    def return_many(self, many: list[tuple[int, int]]) -> None:
        """Return parts of several purchases in one call, perhaps of one twice; each sees what those before it left."""
        fits = [(id_, one) for id_, one in self.book.cashbacks.items() if one.left > 0]
        if not fits:
            return
        chosen = [(*fits[place % len(fits)], per_mille) for place, per_mille in many]
        amounts = [max(one.left * per_mille // 1_000, 1) for _, one, per_mille in chosen]
        batch = [give_back(self.purchases[id_], amount) for (id_, _, _), amount in zip(chosen, amounts, strict=True)]
        outcomes = self.run(self.refunds.refund(batch))
        for (_, one, _), refund, amount, outcome in zip(chosen, batch, amounts, outcomes, strict=True):
            assert isinstance(outcome, Recorded) is (amount <= one.left), outcome
            if isinstance(outcome, Recorded):
                self.refunded.append((refund, outcome.answer))
                self.book.refund(one, {}, amount, self.world.clock.now())
        self.did("refund:many")

    def return_again(self, place: int) -> None:
        """Send a refund again: the same bytes, and nothing changes (I7)."""
        if not self.refunded:
            return
        refund, answer = self.refunded[place % len(self.refunded)]
        assert self.run(self.refunds.refund_one(refund)) == Recorded(answer, is_replay=True)
        self.did("refund_again")
