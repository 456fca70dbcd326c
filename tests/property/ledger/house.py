"""What operators set up while the machine runs: rulesets, budgets, campaigns that close, tiers, rates of exchange."""

from datetime import timedelta
from fractions import Fraction

from cashback.ledger import BudgetChange, NewRate
from cashback.purchases.model import Recorded
from cashback.purchases.service.facts import TierChange
from tests.property.ledger.desk import Desk
from tests.property.ledger.stage import PROGRAMME_OF, order


class House(Desk):
    """Orders by which later purchases are decided; what was decided before stays as it was."""

    # ---- rulesets and budgets ----

    def publish(self, code: str, rates: tuple[int, int], days: int | None, gold: int) -> None:
        """Publish a version, at once or in a window to come."""
        now = self.world.clock.now()
        starts_at = None if days is None else now + timedelta(days=days)
        if self.run(self.stage.publish(self.schemes[code], list(rates), starts_at, gold=gold)):
            self.did("publish:now" if days is None else "publish:staged")

    def withdraw(self, code: str) -> None:
        """Withdraw the only version that is staged: what was before it goes on."""
        scheme, now = self.schemes[code], self.world.clock.now()
        staged = [version for version in scheme.versions if version.starts_at > now]
        if len(staged) == 1 and staged[0] is scheme.versions[-1]:
            outcome = self.run(self.stage.rulesets.withdraw(order(), staged[0].id, reason="because"))
            assert isinstance(outcome, Recorded), outcome
            scheme.versions.remove(staged[0])
            self.did("withdraw")

    def change_budget(self, code: str, place: int, amount: int, is_more: bool) -> None:
        """Raise a budget, or lower it, which is refused when it holds less."""
        fund = list(self.schemes[code].funds.values())[place]
        change = BudgetChange(
            campaign_id=fund.id, cause="funding" if is_more else "withdrawal", amount=amount, reason="because"
        )
        outcome = self.run(self.stage.campaigns.change(order(), change))
        is_possible = fund.closed_at is None if is_more else amount <= fund.left
        assert isinstance(outcome, Recorded) is is_possible, outcome
        if is_possible:
            fund.left += amount if is_more else -amount
        self.did(f"budget:{'refused' if not is_possible else change.cause}")

    def close(self, code: str, place: int) -> None:
        """Close a campaign, unless the other one of its programme is closed; a second time it is refused."""
        funds, now = list(self.schemes[code].funds.values()), self.world.clock.now()
        fund, other = funds[place], funds[1 - place]
        if other.closed_at is not None:
            return
        outcome = self.run(self.stage.campaigns.close(order(), fund.id, reason="because"))
        assert isinstance(outcome, Recorded) is (fund.closed_at is None), outcome
        self.did("close" if fund.closed_at is None else "close:refused")
        fund.closed_at = fund.closed_at or now

    # ---- tiers and rates of exchange ----

    def set_tier(self, user: int, tier: str | None) -> None:
        """Have a user be of a tier, or of none: what they buy from now on is decided by it."""
        id_ = self.users[user].id
        outcome = self.run(self.stage.facts.set_tier(order(), TierChange(user_id=id_, tier=tier)))
        assert isinstance(outcome, Recorded), outcome
        if self.tiers.get(id_) != tier:
            self.did(f"tier:{tier}")
        self.tiers[id_] = tier

    def put_rate(self, code: str, parts: tuple[int, int]) -> None:
        """Put a rate of exchange as of now; another one of the same instant is refused."""
        scheme, now = self.schemes[PROGRAMME_OF[code]], self.world.clock.now()
        put = scheme.exchanges.setdefault(code, [])
        new = NewRate(
            base=code, quote=scheme.currency, numerator=parts[0], denominator=parts[1], source="bank", is_confirmed=True
        )
        outcome = self.run(self.stage.rates.put(order(), new))
        is_same = bool(put) and put[-1] == (now, Fraction(*parts))
        is_new = not put or put[-1][0] < now
        assert isinstance(outcome, Recorded) is (is_new or is_same), outcome
        if is_new:
            put.append((now, Fraction(*parts)))
        self.did("rate" if is_new else "rate:same" if is_same else "rate:refused")
