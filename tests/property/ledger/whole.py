"""The whole engine and its books as one machine: each step is done to the services and to the reference."""

from datetime import timedelta
from typing import Final, TypeVar

import msgspec
import pytest
from hypothesis.stateful import invariant

from cashback.events.minting import TokenMintFailed
from cashback.ledger import NewReview, Pause, Verdict, say, set_pause
from cashback.ledger.model import NUMBER_RETIRED
from cashback.ledger.model.life import SecondPersonRequired
from cashback.ledger.service import Waitlist
from cashback.purchases.model import OPERATOR, Recorded
from cashback.purchases.model.refunds import DebtWriteOff
from tests.integration.ledger.outcomes import minted_after, reverted_outcome
from tests.integration.ledger.refunding import debt_write_offs_of, write_offs_of
from tests.integration.ledger.world import failed_outcome, new_key, wallet_number
from tests.property.ledger import checking
from tests.property.ledger.house import House
from tests.property.ledger.reference import REQUESTED, Expected
from tests.property.ledger.reference_time import falls_due
from tests.property.ledger.reference_waitlist import serve

T = TypeVar("T")
PROVED_EACH: Final = 10


class Whole(House):
    """All that customers do, and what operators, time, the chain and debts do."""

    def __init__(self) -> None:
        super().__init__()
        self.waitlist = Waitlist(self.world.worker, clock=self.world.clock)
        self.looks = 0

    # ---- time and people ----

    def wait(self, hours: int) -> None:
        """Let time pass, and have the workers do what is due: verdicts, holds, expiry, second decisions."""
        self.world.clock.advance(timedelta(hours=hours))
        before = {id_: one.state for id_, one in self.book.cashbacks.items()}
        self.run(self.life.round())
        self.book.live(self.world.clock.now())
        self.run(self.waitlist.round())
        serve(self.book, list(self.schemes.values()), self.world.clock.now())
        for id_, one in self.book.cashbacks.items():
            if one.state != before[id_]:
                self.did(f"life:{before[id_]}>{one.state}")

    def wait_until(self, place: int, microseconds: int) -> None:
        """Let time pass up to the very instant at which something falls due, or just before it or after it."""
        now = self.world.clock.now()
        instants = sorted(falls_due(self.book, list(self.schemes.values()), now))
        # A midnight is always to come: it is waited for where nothing else is, or once in four times.
        others = [each for each in instants if each[1] != "midnight"]
        if others and place % 4:
            instants = others
        at, what = instants[place // 4 % len(instants)]
        at = max(at + timedelta(microseconds=microseconds), now)
        self.world.clock.advance(at - now)
        self.did(f"until:{what}{microseconds:+}")
        self.wait(0)
        if what == "write_off":
            self.give_up(0)

    def review(self, place: int, person: str, verdict: Verdict) -> None:
        """Say what is to become of a cashback, as one of two people; nobody speaks twice."""
        found = self.among(
            place, lambda one: one.state == "review" and not one.is_rejected and person not in one.approved_by
        )
        if found is None or len(found[1].approved_by) >= (2 if found[1].payable > found[1].scheme.second_above else 1):
            return
        if verdict is Verdict.APPROVE and found[1].giver == person:
            with pytest.raises(SecondPersonRequired):
                self.run(self._say(found[0], person, verdict))
            self.did("review:by_its_giver")
            return
        self.run(self._say(found[0], person, verdict))
        if verdict is Verdict.APPROVE:
            found[1].approved_by.add(person)
        else:
            found[1].is_rejected = True
        self.did(f"review:{verdict.value}")

    async def _say(self, cashback_id: str, person: str, verdict: Verdict) -> None:
        """Say a verdict."""
        said = NewReview(cashback_id=cashback_id, verdict=verdict, person=person, reason="because", key_id="key_1")
        async with self.world.api.transaction() as tx:
            await say(tx, said, now=self.world.clock.now())

    def pause(self, code: str, is_paused: bool) -> None:
        """Pause a programme, or go on."""
        scheme = self.schemes[code]
        self.run(self._pause(scheme.id, is_paused=is_paused))
        if scheme.is_paused != is_paused:
            self.did("pause" if is_paused else "resume")
        scheme.is_paused = is_paused

    async def _pause(self, programme_id: str, *, is_paused: bool) -> None:
        """Say a pause."""
        said = Pause(is_paused=is_paused, person="alice", reason="because", at=self.world.clock.now())
        async with self.world.api.transaction() as tx:
            await set_pause(tx, programme_id, said)

    def block(self, user: int, is_blocked: bool) -> None:
        """Block a user, or let them earn again."""
        id_ = self.users[user].id
        if is_blocked != (id_ in self.blocked):
            # Straight into the row: the door keeps a journal, which test_standing.py looks at.
            self.run(self.world.rows("update purchases.users set is_blocked = %s where id = %s", is_blocked, id_))
            self.blocked ^= {id_}
            self.did("block" if is_blocked else "unblock")

    def link(self, user: int) -> None:
        """Give a user another wallet, or their first."""
        self.wallets += 1
        self.run(self.world.link(self.users[user], wallet_number(10_000 + self.wallets)))
        self.did("link" if self.users[user].id not in self.book.wallets else "relink")
        self.book.wallets.add(self.users[user].id)

    # ---- mints ----

    def request(self, by_sweep: bool) -> None:
        """Request what is due, by its events or by the sweep."""
        before = {id_: one.state for id_, one in self.book.cashbacks.items()}
        if by_sweep:
            self.world.clock.advance(timedelta(minutes=5))
            self.run(self.world.sweeper.round())
        else:
            self.run(self.world.request())
        self.book.request()
        for id_, one in self.book.cashbacks.items():
            if one.state != before[id_]:
                self.did(f"request:{one.state}")
                if one.netted and one.state == "mint_requested":
                    self.did("request:partly_netted")

    def in_flight(self, place: int) -> tuple[str, Expected] | None:
        """Return a cashback that has a number which may still be minted."""
        return self.among(place, lambda one: one.state in REQUESTED and not one.is_retired)

    def mint(self, place: int, more: int) -> None:
        """Have a mint be final, perhaps again, or in another block."""
        found = self.in_flight(place)
        if found:
            before, reversals = found[1].state, found[1].reversals + more
            self.run(self.world.settle(self.run(minted_after(self.world, found[0], reversals=reversals))))
            self.book.mint(found[1], reversals)
            self.did(f"mint:{before}>{found[1].state}")

    def fail(self, place: int, retried: bool) -> None:
        """Have a mint fail, to be retried or not."""
        found = self.in_flight(place)
        if found:
            outcome = self.run(failed_outcome(self.world, found[0], will_retry=retried))
            self.run(self.world.settle(msgspec.structs.replace(outcome, reversals=found[1].reversals)))
            if not retried:
                self.book.fail(found[1])
            self.did("fail:retried" if retried else f"fail:{found[1].state}")

    def reverse(self, place: int) -> None:
        """Have the block of an outcome be replaced."""
        found = self.in_flight(place)
        if found:
            before, reversals = found[1].state, found[1].reversals + 1
            self.run(self.world.settle(self.run(reverted_outcome(self.world, found[0], reversals=reversals))))
            self.book.reopen(found[1], reversals)
            self.did(f"reverse:{before}")

    def retire(self, place: int) -> None:
        """Have a number be retired that nothing was minted under."""
        found = self.among(place, lambda one: one.state in ("mint_requested", "stuck"))
        if found:
            one = found[1]
            number = self.run(checking.number_of(self.sight, found[0]))
            outcome = TokenMintFailed(
                mint_number=str(number),
                cashback_id=found[0],
                reason=NUMBER_RETIRED,
                will_retry=False,
                reversals=one.reversals,
            )
            self.run(self.world.settle(outcome))
            one.state, one.is_retired = "stuck", True
            self.retired.add(number)
            self.did("retire")

    def restore(self, place: int) -> None:
        """Give a cashback back whose number was retired."""
        found = self.among(place, lambda one: one.is_retired)
        if found is None:
            return
        number = self.run(checking.number_of(self.sight, found[0]))
        assert self.run(self.world.retirements.give_back(number, by="alice", because="a test"))
        assert not self.run(self.world.retirements.give_back(number, by="bob", because="again"))
        self.did("restore:owed_again" if found[1].forgiven else "restore")
        self.book.restore(found[1], self.world.clock.now())

    # ---- debts ----

    def give_up(self, hours: int) -> None:
        """Let time pass and give up debts that are too old."""
        self.world.clock.advance(timedelta(hours=hours))
        before = sum(debtor.given_up for debtor in self.book.debtors.values())
        self.run(write_offs_of(self.world).round())
        self.book.give_up(self.world.clock.now())
        if sum(debtor.given_up for debtor in self.book.debtors.values()) > before:
            self.did("write_off:age")

    def write_off(self, user: int, units: int) -> None:
        """Give up at most so much of what a user owes; refused where nothing is owed."""
        id_ = self.users[user].id
        debtor = self.book.debtors[id_]
        command = DebtWriteOff(
            owner=OPERATOR, key=new_key(), user_id=id_, person="alice", reason="because", token_units=units
        )
        outcome = self.run(debt_write_offs_of(self.world).write_off(command))
        assert isinstance(outcome, Recorded) is (debtor.owes > 0), outcome
        if debtor.owes:
            part = min(units, debtor.owes)
            debtor.pay(part)
            debtor.given_up += part
            self.did("write_off:person")

    # ---- what must hold ----

    @invariant()
    def everything_is_as_the_reference_has_it(self) -> None:
        """Hold every row, account and counter against the reference; the books against themselves now and then.

        What the books' own proof finds does not go away by itself, and it takes longer than everything else: it is
        asked at every tenth look and at the end.
        """
        self.run(checking.check(self.sight, self.book, list(self.schemes.values())))
        self.looks += 1
        if self.looks % PROVED_EACH == 0:
            self.run(self.world.assert_books_prove())

    def teardown(self) -> None:
        """Run the house's own audits, keep which edges were walked, and close the service."""
        try:
            self.run(checking.audit(self.world))
            self.edges.update(self.run(checking.edges(self.sight)))
        finally:
            self.run(self.service.aclose())
            self.runner.close()
            self.closing.close()
