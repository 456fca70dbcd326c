"""What people do by hand to the machine: give cashback, take it back, replace a campaign by another."""

import msgspec

from cashback.ledger import AdjustmentAnswer
from cashback.purchases.model import Outcome, Recorded
from cashback.purchases.model.adjustments import CreditByHand, DebitByHand
from tests.integration.ledger.adjusting import adjustments_of, credit_of, debit_of
from tests.property.ledger.reference import Expected
from tests.property.ledger.shop import Shop


class Desk(Shop):
    """Adjustments and campaigns; each is refused exactly where the reference says so."""

    def __init__(self) -> None:
        super().__init__()
        self.adjusted: list[tuple[CreditByHand | DebitByHand, bytes]] = []

    def adjust(self, command: CreditByHand | DebitByHand) -> Outcome:
        """Make an adjustment."""
        made = adjustments_of(self.world)
        return self.run(made.credit(command) if isinstance(command, CreditByHand) else made.debit(command))

    def kept(self, command: CreditByHand | DebitByHand, outcome: Outcome) -> AdjustmentAnswer:
        """Keep what was answered, to be asked again, and return it."""
        assert isinstance(outcome, Recorded), outcome
        self.adjusted.append((command, outcome.answer))
        return msgspec.json.decode(outcome.answer, type=AdjustmentAnswer)

    def credit(self, user: int, code: str, place: int | None, amount: int, person: str) -> None:
        """Give a user something, out of a campaign or of the programme's own funds."""
        scheme, id_, now = self.schemes[code], self.users[user].id, self.world.clock.now()
        fund = None if place is None else list(scheme.funds.values())[place % len(scheme.funds)]
        command = credit_of(
            self.users[user], scheme.id, amount, person=person, campaign_id=None if fund is None else fund.id
        )
        outcome = self.adjust(command)
        is_possible = not scheme.is_paused and id_ not in self.blocked and scheme.tokens(amount) > 0
        if fund is not None:
            is_possible = is_possible and not fund.is_closed(now) and amount <= fund.left
        assert isinstance(outcome, Recorded) is is_possible, outcome
        if is_possible:
            answer = self.kept(command, outcome)
            one = Expected(scheme, id_, "", now, [], amount=amount, giver=person)
            self.book.credit(answer.cashback_id, one, scheme.id if fund is None else fund.id, now)
            assert (answer.cashback_state.value, int(answer.net_minor)) == (one.state, amount)
        self.did(f"credit:{'refused' if not is_possible else 'funds' if fund is None else 'campaign'}")

    def debit(self, place: int, per_mille: int) -> None:
        """Take a part of what is left of a cashback back, or more than that; it is refused where nothing is left."""
        found = self.among(place, lambda one: one.amount > 0)
        if found is None:
            return
        id_, one = found
        left = one.net if one.payable else 0
        amount = max(left * per_mille // 1_000, 1)
        command = debit_of(id_, amount)
        outcome = self.adjust(command)
        assert isinstance(outcome, Recorded) is (amount <= left), outcome
        if amount <= left:
            before = one.state
            answer = self.kept(command, outcome)
            self.book.debit(one, amount, self.world.clock.now())
            assert (answer.cashback_state.value, int(answer.net_minor)) == (one.state, one.net)
            self.did(f"debit_in:{before}")
        self.did("debit" if amount <= left else "debit:refused")

    def adjust_again(self, place: int) -> None:
        """Send an adjustment again: the same bytes, and nothing changes (I7)."""
        if not self.adjusted:
            return
        command, answer = self.adjusted[place % len(self.adjusted)]
        assert self.adjust(command) == Recorded(answer, is_replay=True)
        self.did("adjust_again")
