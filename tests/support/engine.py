"""Inputs of decision engine 2 for tests: a plain purchase, and anything at all, drawn from a source of chance."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import msgspec

from cashback.kernel.money import Currency, Minor, TokenRate
from cashback.ledger.model import Conversion
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.engine import (
    CampaignLeft,
    Exchange,
    Judgement,
    Left,
    Line,
    ProgrammeFacts,
    PurchaseFacts,
    Velocity,
)
from cashback.ledger.model.rulesets import (
    Action,
    AmountIs,
    Bracket,
    Check,
    Condition,
    CurrencyIs,
    Earning,
    FirstPurchase,
    Fixed,
    Gates,
    Group,
    HoursAre,
    Limits,
    Lines,
    MccIs,
    MerchantIs,
    Mode,
    Per,
    Percent,
    Rule,
    Rules,
    Tier,
    Tiered,
    TierIs,
    Weekday,
    WeekdayIs,
    WithinDates,
)
from cashback.ledger.rules.engine import decide_in_full, published

USD, EUR, JPY, KWD = Currency("USD", 2), Currency("EUR", 2), Currency("JPY", 0), Currency("KWD", 3)
CLF = Currency("CLF", 4)
NOON: Final = datetime(2026, 11, 26, 12, tzinfo=UTC)
"""A Thursday."""
FACTS: Final = PurchaseFacts(
    merchant_id="mer_1", mcc="5411", currency="USD", amount=Minor(1_999), occurred_at=NOON, received_at=NOON
)
PROGRAMME: Final = ProgrammeFacts(id="prg_1", funding=USD)
CONVERSION: Final = Conversion(rate=TokenRate(1, 1), source="prg_1", as_of=NOON)
PERCENT: Final = Rule(id="base", campaign="cmp_a", earns=Percent(rate_bps=150))
PLENTY: Final = Left(campaigns=tuple(CampaignLeft(f"cmp_{name}", Minor(1_000_000)) for name in "abc"))


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one decision is made from."""

    facts: PurchaseFacts = FACTS
    programme: ProgrammeFacts | None = PROGRAMME
    rules: Rules | None = Rules(rules=(PERCENT,))
    left: Left = PLENTY
    exchange: Exchange | None = None
    conversion: Conversion | None = CONVERSION

    def judged(self) -> Judgement:
        """Return the decision."""
        ruleset = published(self.rules, id="rul_1", version=1) if self.rules is not None else None
        return decide_in_full(self.facts, self.programme, ruleset, self.left, self.exchange, self.conversion)


def case(*rules: Rule, facts: PurchaseFacts = FACTS, left: Left = PLENTY, **parts: object) -> Case:
    """Return a case of these rules; `parts` are members of the ruleset."""
    made = msgspec.structs.replace(Rules(rules=rules or (PERCENT,)), **parts)
    return Case(facts=facts, rules=made, left=left)


def bought(**changes: object) -> PurchaseFacts:
    """Return the facts of a purchase of 19.99 USD, save for `changes`."""
    return msgspec.structs.replace(FACTS, **changes)


def rule(name: str, earns: Earning | int = 100, campaign: str = "cmp_a", **changes: object) -> Rule:
    """Return a rule; a whole number stands for so many basis points."""
    earning = Percent(rate_bps=earns) if isinstance(earns, int) else earns
    return msgspec.structs.replace(Rule(id=name, campaign=campaign, earns=earning), **changes)


def anything(chance: Random) -> Case:
    """Return any valid case at all: small sets of everything, so that what may meet does meet."""
    campaigns = ("cmp_a", "cmp_b", "cmp_c")[: chance.randint(1, 3)]
    funding, paid = chance.choice((USD, EUR, JPY, KWD, CLF)), chance.choice((USD, EUR, JPY, KWD))
    return Case(
        facts=_facts(chance, paid),
        programme=ProgrammeFacts(
            id="prg_1",
            funding=funding,
            time_zone=chance.choice(("UTC", "Europe/Berlin", "Pacific/Kiritimati")),
            is_paused=_rarely(chance),
            closed=("cmp_a",) if _rarely(chance) else (),
        ),
        rules=_rules(chance, campaigns),
        left=Left(
            user_day=_maybe(chance),
            user_month=_maybe(chance),
            user_lifetime=_maybe(chance),
            merchant_day=_maybe(chance),
            campaigns=tuple(
                CampaignLeft(name, _small(chance), chance.choice(tuple(Exhaustion)), _maybe(chance))
                for name in campaigns
            ),
        ),
        exchange=Exchange(
            base=paid,
            quote=funding,
            numerator=chance.randint(1, 1_000_000),
            denominator=chance.randint(1, 1_000_000),
            source="ecb",
            as_of=NOON,
        ),
        conversion=msgspec.structs.replace(
            CONVERSION, rate=TokenRate(chance.choice((1, 3, 10**12)), chance.choice((1, 7, 10**9)))
        ),
    )


def _rarely(chance: Random) -> bool:
    return chance.randint(0, 19) == 19


def _small(chance: Random) -> Minor:
    return Minor(chance.choice((0, 1, chance.randint(0, 100), chance.randint(0, 10_000), 10**9)))


def _maybe(chance: Random) -> Minor | None:
    return _small(chance) if chance.randint(0, 3) == 3 else None


def _text(chance: Random) -> str | None:
    return str(_small(chance)) if chance.randint(0, 3) == 3 else None


def _facts(chance: Random, paid: Currency) -> PurchaseFacts:
    """Return any purchase, with up to four lines."""
    lines = tuple(
        Line(_small(chance), chance.choice(("tea", "cup", None)), chance.choice(("food", "books", None)))
        for _ in range(chance.randint(0, 4))
    )
    at = NOON + timedelta(minutes=chance.randint(-1_000_000, 1_000_000))
    return PurchaseFacts(
        merchant_id=chance.choice(("mer_1", "mer_2")),
        mcc=chance.choice(("5411", "5812", None)),
        currency=paid.code,
        amount=Minor(sum(line.amount for line in lines)) if lines else _small(chance),
        lines=lines,
        occurred_at=at,
        received_at=at + timedelta(minutes=chance.randint(0, 100_000)),
        user_tier=chance.choice(("gold", "silver", None)),
        is_first_purchase=chance.choice((True, False)),
        is_first_at_merchant=chance.choice((True, False)),
        is_user_blocked=_rarely(chance),
        is_merchant_active=not _rarely(chance),
        velocity=Velocity(
            purchases_per_hour=chance.randint(1, 9),
            users_per_wallet=chance.randint(1, 3),
            refund_ratio_bps=chance.randint(0, 10_000),
            is_self_dealing=_rarely(chance),
        ),
    )


def _rules(chance: Random, campaigns: tuple[str, ...]) -> Rules:
    """Return any ruleset of up to six rules."""
    groups = tuple(Group(id=mode.value, mode=mode) for mode in Mode)
    return Rules(
        rules=tuple(_rule(chance, f"rule-{number}", campaigns) for number in range(chance.randint(1, 6))),
        groups=groups,
        tiers=(Tier(id="gold", multiplier_bps=chance.choice((0, 3_333, 10_000, 15_000, 100_000))),),
        gates=Gates(
            currencies=("USD", "EUR", "JPY") if _rarely(chance) else (),
            without_merchants=("mer_2",) if _rarely(chance) else (),
            without_mccs=("5812",) if _rarely(chance) else (),
            at_least=_text(chance) if _rarely(chance) else None,
            within_days=chance.randint(1, 90) if _rarely(chance) else None,
        ),
        limits=Limits(purchase=_text(chance), user_day="5000", user_month="9000", user_lifetime="9999"),
        checks=(Check(kind="purchases_per_hour", above=7, action=chance.choice(tuple(Action))),),
        review_above=_text(chance),
    )


def _rule(chance: Random, name: str, campaigns: tuple[str, ...]) -> Rule:
    """Return any rule."""
    return Rule(
        id=name,
        campaign=chance.choice(campaigns),
        earns=_earning(chance),
        per=chance.choice(tuple(Per)),
        lines=chance.choice((None, None, Lines(skus=("tea",)), Lines(categories=("food",), without_skus=("cup",)))),
        when=tuple(_condition(chance) for _ in range(chance.choice((0, 0, 1, 2)))),
        unless=tuple(_condition(chance) for _ in range(chance.choice((0, 0, 0, 1)))),
        group=chance.choice((None, None, None, *(mode.value for mode in Mode))),
        priority=chance.randint(-1, 1),
        at_most=_text(chance),
    )


def _earning(chance: Random) -> Earning:
    """Return any earning."""
    brackets = tuple(Bracket(from_amount=str(start), rate_bps=chance.randint(1, 10_000)) for start in (0, 100, 1_000))
    return chance.choice(
        (
            Percent(rate_bps=chance.randint(1, 10_000)),
            Fixed(amount=str(_small(chance))),
            Tiered(brackets=brackets[chance.randint(0, 2) :], is_marginal=chance.choice((True, False))),
        )
    )


def _condition(chance: Random) -> Condition:
    """Return any condition."""
    return chance.choice(
        (
            MerchantIs(any_of=("mer_1",)),
            MccIs(any_of=("5411",)),
            CurrencyIs(any_of=("USD", "JPY")),
            AmountIs(at_least=_text(chance), below=_text(chance)),
            WeekdayIs(any_of=(Weekday.THU, Weekday.SAT), time_zone="Asia/Kolkata"),
            HoursAre(start="17:30", end="02:00", time_zone="America/New_York"),
            WithinDates(start=NOON, end=NOON + timedelta(days=300)),
            TierIs(any_of=("gold",)),
            FirstPurchase(),
            FirstPurchase(at="merchant"),
        )
    )
