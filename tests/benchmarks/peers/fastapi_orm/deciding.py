"""What a purchase earns by one percentage out of one budget, and the documents that say so."""

import hashlib
from dataclasses import dataclass
from datetime import UTC

from tests.benchmarks.peers.fastapi_orm.bodies import (
    Conversion,
    DecisionDocument,
    Facts,
    Funding,
    Grants,
    Left,
    ProgrammeFacts,
    PurchaseIn,
    RulesetFacts,
    TokenRate,
    Trace,
    Verdict,
)
from tests.benchmarks.peers.fastapi_orm.tables import Campaign, Merchant, Programme, Purchase, Ruleset, User

TOKEN_DIGITS = 6
WHOLE_BPS = 10_000
DECLINED = {
    "no_programme": "No cashback programme took {currency} then.",
    "programme_paused": "The programme is paused: {paid} earns nothing.",
    "user_blocked": "This user earns no cashback at present.",
    "merchant_inactive": "Purchases at this merchant earn no cashback at present.",
    "nothing_paid": "Nothing was paid, so nothing is earned.",
    "below_minor_unit": "{paid} earns less than the smallest amount of money.",
    "budget_exhausted": "{paid} would have earned {desired}, but nothing is left of the campaign's budget.",
}


@dataclass(frozen=True)
class Terms:
    """What a purchase is decided under."""

    programme: Programme
    ruleset: Ruleset
    campaign: Campaign

    @property
    def rate(self) -> tuple[str, str]:
        """Return tokens for a unit of money, as a ratio."""
        return str(self.programme.token_rate_numerator), str(self.programme.token_rate_denominator)

    @property
    def funding(self) -> Funding:
        """Return the currency of the budget."""
        return Funding(code=self.programme.currency, exponent=str(self.programme.exponent))

    def tokens(self, amount: int) -> int:
        """Return an amount of money in base units of the token, rounded down."""
        programme = self.programme
        divisor = 10**programme.exponent * programme.token_rate_denominator
        units: int = amount * 10**TOKEN_DIGITS * programme.token_rate_numerator // divisor
        return units


@dataclass(frozen=True)
class Decided:
    """What was decided: `amount` of the `desired`, and of what the budget had left, if that was asked."""

    reason: str
    desired: int = 0
    amount: int = 0
    token_units: int = 0
    left: int | None = None

    @property
    def state(self) -> str:
        """Return where the cashback begins."""
        return "approved" if self.amount else "declined"


def earned(purchase: PurchaseIn, terms: Terms | None, *, user: User, merchant: Merchant) -> Decided:
    """Return what a purchase earns before the budget is asked; with a reason other than `granted` it is nothing."""
    gates = {
        "no_programme": terms is None,
        "programme_paused": terms is not None and terms.programme.paused_at is not None,
        "user_blocked": user.is_blocked,
        "merchant_inactive": not merchant.is_active,
        "nothing_paid": int(purchase.amount_minor) == 0,
    }
    shut = next((reason for reason, is_shut in gates.items() if is_shut), None)
    if shut is not None or terms is None:
        return Decided(shut or "no_programme")
    desired = int(purchase.amount_minor) * (terms.ruleset.rate_bps or 0) // WHOLE_BPS
    return Decided("granted", desired=desired) if desired else Decided("below_minor_unit")


def granted(desired: int, terms: Terms, *, left: int) -> Decided:
    """Return what a budget that holds `left` gives of what was earned."""
    amount = min(desired, left)
    if not amount:
        return Decided("budget_exhausted", desired=desired, left=left)
    reason = "granted" if amount == desired else "granted_partly"
    return Decided(reason, desired=desired, amount=amount, token_units=terms.tokens(amount), left=left)


def explanation(purchase: PurchaseIn, decided: Decided, terms: Terms | None) -> str:
    """Return a decision in words."""
    exponent = terms.programme.exponent if terms is not None else 2
    paid = f"{_decimal(int(purchase.amount_minor), exponent)} {purchase.currency}"
    desired, amount = (f"{_decimal(each, exponent)} {purchase.currency}" for each in (decided.desired, decided.amount))
    tokens = f"{_decimal(decided.token_units, TOKEN_DIGITS)} CBK"
    if not decided.amount:
        return DECLINED[decided.reason].format(paid=paid, desired=desired, currency=purchase.currency)
    if decided.amount == decided.desired:
        return f"{paid} earned {amount}: {tokens}."
    return f"{paid} would have earned {desired}, but no more was left of the campaign's budget: {amount}, {tokens}."


def document_of(
    recorded: Purchase, decided: Decided, terms: Terms | None, *, user: User, merchant: Merchant
) -> DecisionDocument:
    """Return everything that a decision saw and said."""
    facts = Facts(
        amount=str(recorded.amount_minor),
        currency=recorded.currency,
        is_merchant_active=None if merchant.is_active else False,
        is_user_blocked=user.is_blocked or None,
        mcc=merchant.mcc,
        merchant_id=recorded.merchant_id,
        occurred_at=recorded.occurred_at,
        received_at=recorded.received_at,
        user_tier=user.tier,
    )
    verdict = _verdict(recorded, decided, terms)
    if terms is None:
        return DecisionDocument(facts=facts, verdict=verdict)
    numerator, denominator = terms.rate
    left = None if decided.left is None else Left(campaigns=[(terms.campaign.id, str(decided.left), "partial_fill")])
    return DecisionDocument(
        conversion=Conversion(
            as_of=terms.programme.created_at.astimezone(UTC),
            rate=TokenRate(denominator=denominator, numerator=numerator),
            source=terms.programme.id,
        ),
        facts=facts,
        left=left,
        offsets={"UTC": "0"},
        programme=ProgrammeFacts(
            funding=terms.funding, id=terms.programme.id, is_paused=terms.programme.paused_at is not None or None
        ),
        ruleset=RulesetFacts(
            digest=terms.ruleset.digest.hex(), id=terms.ruleset.id, version=str(terms.ruleset.version)
        ),
        verdict=verdict,
    )


def grants_of(recorded: Purchase, decided: Decided, terms: Terms | None) -> bytes | None:
    """Return what was granted by line and campaign, or None where nothing was."""
    if terms is None or not decided.amount:
        return None
    line = (str(recorded.amount_minor), [str(decided.amount)])
    grants = Grants(
        campaigns=[terms.campaign.id], exponent=str(terms.programme.exponent), lines=[line], rate=terms.rate
    )
    return grants.model_dump_json().encode()


def fingerprint(purchase: PurchaseIn) -> bytes:
    """Return what stands for the content of a request."""
    return hashlib.sha256(purchase.model_dump_json(exclude_none=True).encode()).digest()


def _verdict(recorded: Purchase, decided: Decided, terms: Terms | None) -> Verdict:
    """Return the verdict with its trace."""
    outcome, desired, amount = "granted" if decided.amount else "declined", str(decided.desired), str(decided.amount)
    if terms is None or not decided.desired:
        skipped = Trace(skipped={"earns_nothing": ["base"]}) if decided.reason == "below_minor_unit" else None
        return Verdict(outcome=outcome, reason=decided.reason, trace=skipped)
    trace = Trace(clamps=[("campaign_total", desired, amount, terms.campaign.id)], counted=[("base", desired, desired)])
    if not decided.amount:
        return Verdict(desired=desired, outcome=outcome, reason=decided.reason, trace=trace)
    return Verdict(
        amount=amount,
        campaigns=[terms.campaign.id],
        desired=desired,
        lines=[(str(recorded.amount_minor), amount, [amount])],
        outcome=outcome,
        reason=decided.reason,
        token_units=str(decided.token_units),
        trace=trace,
    )


def _decimal(units: int, digits: int) -> str:
    """Return `units` of 10^-digits as people write it."""
    return str(units) if digits == 0 else f"{units // 10**digits}.{units % 10**digits:0{digits}}"
