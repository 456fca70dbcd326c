"""What becomes of cashbacks and debts, told a second time: refunds, verdicts, time, requests, outcomes."""

from datetime import datetime

from tests.property.ledger.reference import UNPAID, Debtor, Expected, Line, Owed


class Book:
    """Everything that must be so: cashbacks in the order in which they came, and debts."""

    def __init__(self) -> None:
        self.cashbacks: dict[str, Expected] = {}
        self.debtors: dict[str, Debtor] = {}
        self.wallets: set[str] = set()

    def give_back_budget(self, one: Expected, before: dict[str, int], after: dict[str, int]) -> None:
        """Have each campaign get back what it no longer pays, or the programme itself."""
        for payer in before.keys() | after.keys():
            back = before.get(payer, 0) - after.get(payer, 0)
            if payer == one.scheme.id:
                one.scheme.own += back
            else:
                one.scheme.funds[payer].left += back

    def end(self, one: Expected, state: str) -> None:
        """Void or expire: all that is left goes back."""
        self.give_back_budget(one, one.shares(), {})
        one.state, one.payable, one.units = state, 0, 0

    def refund(self, one: Expected, lines: dict[int, int], amount: int, now: datetime) -> None:
        """Take back what a refund leaves no claim to."""
        before = one.shares() if one.lines else {}
        for place, part in lines.items():
            one.returned[place] += part
        one.returned_by_amount += amount
        one.has_returns = one.state == "waitlisted"
        if one.lines:
            self.leave(one, before, now)

    def debit(self, one: Expected, amount: int, now: datetime) -> None:
        """Take back what a person takes back."""
        before = one.shares()
        one.debited += amount
        self.leave(one, before, now, is_by_hand=True)

    def leave(self, one: Expected, before: dict[str, int], now: datetime, *, is_by_hand: bool = False) -> None:
        """Have a cashback be worth what refunds and debits leave; `before` each paid so much of it."""
        had, one.net = one.net, one.rest()
        assert one.net <= had, "a net rose"
        if one.state in UNPAID:
            return
        if one.was_requested or one.state == "netted":
            owed = one.scheme.tokens(had) - one.scheme.tokens(one.net)
            one.debt += owed
            self._owe(one, owed, now, is_by_hand=is_by_hand)
            if one.state == "minted" and not one.net:
                one.state = "reversed"
        elif one.scheme.tokens(one.net):
            self.give_back_budget(one, before, one.shares())
            one.payable, one.units = one.net, one.scheme.tokens(one.net)
        else:
            self.give_back_budget(one, before, {})
            one.state, one.payable, one.units = "voided", 0, 0

    def _owe(self, one: Expected, units: int, now: datetime, *, is_by_hand: bool) -> None:
        """Have a user owe so much more.

        What a person took back is never given up at once, nor what is not on its way: it is kept back from its tokens.
        """
        debtor = self.debtors.setdefault(one.user, Debtor())
        if not units:
            return
        debtor.raised += units
        if one.scheme.gives_up_at_once and not is_by_hand and one.state != "approved":
            debtor.given_up += units
            one.forgiven += units
        else:
            debtor.open.append(Owed(one.scheme, units, now))

    def live(self, now: datetime) -> None:
        """Do what people said, then release what was held, then expire what nobody claimed."""
        for one in self.cashbacks.values():
            if one.scheme.is_paused or one.state != "review":
                continue
            if one.is_rejected:
                self.end(one, "voided")
            elif len(one.approved_by) >= (2 if one.payable > one.scheme.second_above else 1):
                is_held = one.hold_until is not None and one.hold_until > now
                one.state, one.approved_at = ("pending", None) if is_held else ("approved", now)
        for one in self.cashbacks.values():
            if not one.scheme.is_paused and one.state == "pending" and one.hold_until and one.hold_until <= now:
                one.state, one.approved_at = "approved", now
        for one in self.cashbacks.values():
            if one.scheme.is_paused or one.state != "approved" or one.user in self.wallets or one.approved_at is None:
                continue
            if one.approved_at <= now - one.scheme.expires_after:
                self.end(one, "expired")

    def request(self) -> None:
        """Request all that is approved and has a wallet, debts kept back first, in the order in which they came."""
        for one in self.cashbacks.values():
            if one.state != "approved" or one.user not in self.wallets or one.scheme.is_paused:
                continue
            debtor = self.debtors.setdefault(one.user, Debtor())
            units = one.units - one.netted
            kept = min(units, debtor.owes)
            debtor.pay(kept)
            debtor.collected += kept
            one.netted += kept
            one.was_requested = True
            if kept == units:
                one.state = "netted"
            else:
                one.state, one.requested = "mint_requested", units - kept

    def credit(self, id_: str, one: Expected, payer: str, now: datetime) -> None:
        """Have a person give something, out of a campaign or of the programme's own funds; nothing holds it."""
        one.lines, one.returned = [Line(one.amount, {payer: one.amount})], [0]
        one.payable = one.net = one.amount
        one.units = one.scheme.tokens(one.amount)
        self.give_back_budget(one, {}, {payer: one.amount})
        one.state = "review" if one.amount > one.scheme.review_above else "approved"
        one.approved_at = now if one.state == "approved" else None
        self.cashbacks[id_] = one

    def reopen(self, one: Expected, reversals: int) -> None:
        """Have an outcome be void, if that is news."""
        if reversals > one.reversals:
            one.state, one.reversals = "mint_requested", reversals

    def mint(self, one: Expected, reversals: int) -> None:
        """Have a mint be final after so many reversals."""
        self.reopen(one, reversals)
        if reversals == one.reversals and one.state in ("mint_requested", "stuck"):
            one.state = "minted" if one.net else "reversed"

    def fail(self, one: Expected) -> None:
        """Have a mint wait for a person."""
        if one.state == "mint_requested":
            one.state = "stuck"

    def restore(self, one: Expected, now: datetime) -> None:
        """Approve again what had a retired number; what was given up because its tokens were gone is owed again."""
        again, one.forgiven = one.forgiven, 0
        if again:
            one.debt += again
            debtor = self.debtors[one.user]
            debtor.raised += again
            debtor.open.append(Owed(one.scheme, again, now))
        one.state, one.number, one.requested, one.reversals, one.is_retired = "approved", None, None, 0, False

    def give_up(self, now: datetime) -> None:
        """Give up debts that are old enough; one waits for older ones of its user that are not."""
        for debtor in self.debtors.values():
            while debtor.open:
                oldest = debtor.open[0]
                after = oldest.scheme.writes_off_after
                if after is None or oldest.since > now - after:
                    break
                debtor.given_up += oldest.units
                debtor.open.pop(0)
