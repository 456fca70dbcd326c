"""A judgement told three ways: in words that a customer understands, as a tree, and as lines for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from cashback.kernel.money import BPS_IN_WHOLE, TOKEN_SYMBOL, Currency
from cashback.ledger.model import State
from cashback.ledger.model.codes import Limit, Outcome, Skip
from cashback.ledger.model.decisions import Reason
from cashback.ledger.model.engine import Judgement
from cashback.ledger.model.explained import DecisionStep
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.currencies import currency_of
from cashback.ledger.rules.figures import money, times, tokens

_LOOKED_AT: Final = "It is looked at before it is granted."
_LEFT_OF: Final[Mapping[Limit, str]] = {
    Limit.PURCHASE: "what one purchase can earn",
    Limit.USER_DAY: "what one user can earn in a day",
    Limit.USER_MONTH: "what one user can earn in a month",
    Limit.USER_LIFETIME: "what one user can ever earn",
    Limit.MERCHANT_DAY: "what purchases at this merchant can earn in a day",
    Limit.CAMPAIGN_DAY: "what the campaign pays in a day",
    Limit.CAMPAIGN_TOTAL: "the campaign's budget",
}
_DECLINED: Final[Mapping[Reason, str]] = {
    Reason.NO_PROGRAMME: "No cashback programme took {currency} then.",
    Reason.NO_RULESET: "The programme had no rules in force when {paid} was paid.",
    Reason.PROGRAMME_PAUSED: "The programme is paused: {paid} earns nothing.",
    Reason.USER_BLOCKED: "This user earns no cashback at present.",
    Reason.MERCHANT_INACTIVE: "Purchases at this merchant earn no cashback at present.",
    Reason.MERCHANT_EXCLUDED: "Purchases at this merchant earn no cashback in this programme.",
    Reason.MCC_EXCLUDED: "Purchases of this kind earn no cashback in this programme.",
    Reason.CURRENCY_UNSUPPORTED: "Purchases in {currency} earn no cashback in this programme.",
    Reason.NO_EXCHANGE_RATE: "There is no exchange rate for {currency}, so {paid} earns nothing.",
    Reason.NOTHING_PAID: "Nothing was paid, so nothing is earned.",
    Reason.BELOW_MINIMUM: "{paid} is less than a purchase must be to earn cashback.",
    Reason.TOO_OLD: "The purchase was reported too late to earn cashback.",
    Reason.NO_RULE_MATCHED: "No rule of the programme applies to this purchase of {paid}.",
    Reason.CAMPAIGN_OVER: "{paid} waited for the campaign's budget, and the campaign ended before there was enough.",
    Reason.WAITED_TOO_LONG: "{paid} waited for the campaign's budget as long as may be, and there was not enough.",
    Reason.BELOW_MINOR_UNIT: "{paid} earns less than the smallest amount of money.",
    Reason.TIER_EARNS_NOTHING: "Users of this tier earn no cashback.",
    Reason.TOO_MANY_PURCHASES: "Too many purchases within an hour: {paid} earns nothing.",
    Reason.WALLET_SHARED: "Too many users share this wallet: {paid} earns nothing.",
    Reason.REFUND_RATIO_HIGH: "Too much was returned of what was bought before: {paid} earns nothing.",
    Reason.SELF_DEALING: "Purchases at one's own shop earn no cashback.",
    Reason.BELOW_TOKEN_UNIT: f"What was earned, or was left of it, is less than the smallest {TOKEN_SYMBOL}.",
    Reason.ABOVE_TOKEN_RANGE: f"What was earned is more {TOKEN_SYMBOL} than can be minted at once.",
    Reason.ABOVE_MONEY_RANGE: "What was earned is more than an amount can hold.",
    **{
        reason: f"{{paid}} would have earned {{desired}}, but nothing is left of {_LEFT_OF[limit]}."
        for limit, reason in (
            (Limit.PURCHASE, Reason.PURCHASE_LIMIT),
            (Limit.USER_DAY, Reason.USER_DAY_LIMIT),
            (Limit.USER_MONTH, Reason.USER_MONTH_LIMIT),
            (Limit.USER_LIFETIME, Reason.USER_LIFETIME_LIMIT),
            (Limit.MERCHANT_DAY, Reason.MERCHANT_DAY_LIMIT),
            (Limit.CAMPAIGN_DAY, Reason.CAMPAIGN_DAY_LIMIT),
            (Limit.CAMPAIGN_TOTAL, Reason.BUDGET_EXHAUSTED),
        )
    },
}
_SKIPPED: Final[Mapping[Skip, str]] = {
    Skip.CAMPAIGN_CLOSED: "its campaign is closed",
    Skip.MERCHANT_NOT_LISTED: "not for this merchant",
    Skip.MCC_UNKNOWN: "the merchant's category is not known",
    Skip.MCC_NOT_LISTED: "not for this category",
    Skip.CURRENCY_NOT_LISTED: "not for this currency",
    Skip.AMOUNT_BELOW: "the purchase is too small",
    Skip.AMOUNT_NOT_BELOW: "the purchase is too large",
    Skip.WEEKDAY_NOT_LISTED: "not on this day of the week",
    Skip.OUTSIDE_HOURS: "not at this time of day",
    Skip.NOT_YET_STARTED: "not begun yet",
    Skip.ALREADY_ENDED: "over",
    Skip.TIER_UNKNOWN: "the user has no tier",
    Skip.TIER_NOT_LISTED: "not for this tier",
    Skip.NOT_FIRST_PURCHASE: "not the user's first purchase",
    Skip.NOT_FIRST_AT_MERCHANT: "not the user's first purchase at this merchant",
    Skip.EXCLUDED: "one of its exceptions holds",
    Skip.NO_ELIGIBLE_LINE: "no line that it is about",
    Skip.BELOW_FIRST_BRACKET: "below its first bracket",
    Skip.EARNS_NOTHING: "it earns less than the smallest amount of money",
    Skip.BEATEN_IN_GROUP: "another rule of its group earns more",
    Skip.BEATEN_BY_EXCLUSIVE: "a rule that counts alone matched",
}


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a decision: its stable code, what it says, and the steps within it."""

    code: str
    text: str
    children: tuple["Node", ...] = ()


def explain_in_full(judgement: Judgement, rules: Rules | None = None) -> str:
    """Return what was decided and why, with figures, in English; `rules` adds what the rules that counted are for."""
    verdict = judgement.verdict
    if judgement.programme is None:
        return _DECLINED[Reason.NO_PROGRAMME].format(currency=judgement.facts.currency)
    funding = judgement.programme.funding
    words = {
        "paid": _paid(judgement),
        "currency": judgement.facts.currency,
        "desired": money(verdict.desired, funding),
        "amount": money(verdict.amount, funding),
    }
    match verdict.outcome:
        case Outcome.DECLINED:
            return _DECLINED[verdict.reason].format_map(words)
        case Outcome.WAITLISTED:
            return "{paid} earned {desired}, which waits until the campaign has budget again.".format_map(words)
        case Outcome.GRANTED | Outcome.REVIEW:
            return " ".join(_of_grant(judgement, words, rules))


def as_it_stands(text: str, state: State) -> str:
    """Return the sentence of a decision, which also says of what is in review that people look at it.

    A ruleset's amount has the decision say so for good. A programme's is not part of the decision, but of what becomes
    of it: that is said while it is so.

    >>> as_it_stands("90.00 CHF earned 9.00 CHF: 9.000000 CBK.", State.REVIEW)
    '90.00 CHF earned 9.00 CHF: 9.000000 CBK. It is looked at before it is granted.'
    """
    return f"{text} {_LOOKED_AT}" if state is State.REVIEW and not text.endswith(_LOOKED_AT) else text


def tree_of(judgement: Judgement) -> Node:
    """Return every step of a decision, with figures, as a tree."""
    verdict, trace = judgement.verdict, judgement.verdict.trace
    funding = judgement.programme.funding if judgement.programme is not None else None
    steps = [
        Node("counted", "rules that counted", tuple(_counted(judgement, funding))),
        Node(
            "skipped",
            "rules that did not",
            tuple(Node(why, f"{_SKIPPED[why]}: {', '.join(ids)}") for why, ids in trace.skipped.items()),
        ),
        Node("checks", "checks", tuple(Node(f.kind, f"{f.figure}: {f.action}") for f in trace.flags)),
        Node("limits", "limits", tuple(_limits(judgement, funding))),
        Node("lines", "lines", tuple(_lines(judgement, funding))),
    ]
    return Node(verdict.reason, explain_in_full(judgement), tuple(step for step in steps if step.children))


def drawn(node: Node) -> list[str]:
    """Return a tree as lines for a terminal."""
    return [f"{node.text} ({node.code})", *_branches(node, "")]


def steps_of(judgement: Judgement) -> list[DecisionStep]:
    """Return the steps of a decision below its sentence, in the order of its tree."""
    return [step for child in tree_of(judgement).children for step in _steps(child, 0)]


def _steps(node: Node, depth: int) -> Iterator[DecisionStep]:
    """Yield a node and what is below it."""
    yield DecisionStep(depth=depth, code=node.code, text=node.text)
    for child in node.children:
        yield from _steps(child, depth + 1)


def _of_grant(judgement: Judgement, words: Mapping[str, str], rules: Rules | None) -> Iterator[str]:
    """Yield the sentences of a grant, or of one that people look at first."""
    verdict = judgement.verdict
    tokens_earned = tokens(verdict.token_units)
    if verdict.amount == verdict.desired:
        yield f"{words['paid']} earned {words['amount']}: {tokens_earned}."
    else:
        cut = next(clamp.limit for clamp in verdict.trace.clamps if clamp.granted < clamp.desired)
        left = f"no more was left of {_LEFT_OF[cut]}"
        yield f"{words['paid']} would have earned {words['desired']}, but {left}: {words['amount']}, {tokens_earned}."
    if verdict.trace.multiplier_bps != BPS_IN_WHOLE:
        yield f"The user's tier gets {times(verdict.trace.multiplier_bps)} times as much."
    counted = {each.rule for each in verdict.trace.counted}
    notes = [rule.note for rule in sorted(rules.rules, key=lambda rule: rule.id) if rule.id in counted] if rules else []
    if any(notes):
        yield f"For: {'; '.join(note for note in notes if note)}."
    if verdict.outcome is Outcome.REVIEW:
        yield _LOOKED_AT


def _paid(judgement: Judgement) -> str:
    """Return the purchase's amount in its own currency."""
    facts, exchange = judgement.facts, judgement.exchange
    currency = exchange.base if exchange is not None else currency_of(facts.currency)
    if judgement.programme is not None and facts.currency == judgement.programme.funding.code:
        currency = judgement.programme.funding
    return money(facts.amount, currency or Currency(facts.currency, 0))


def _counted(judgement: Judgement, funding: Currency | None) -> Iterator[Node]:
    """Yield the rules that counted, and the tier that multiplied them."""
    trace = judgement.verdict.trace
    for each in trace.counted:
        cut = f", cut to {_money(each.granted, funding)}" if each.granted < each.desired else ""
        yield Node(each.rule, f"{each.rule} earns {_money(each.desired, funding)}{cut}")
    if trace.counted and trace.multiplier_bps != BPS_IN_WHOLE:
        yield Node("tier", f"times {times(trace.multiplier_bps)} by the user's tier")


def _limits(judgement: Judgement, funding: Currency | None) -> Iterator[Node]:
    """Yield every limit that the grant passed."""
    for clamp in judgement.verdict.trace.clamps:
        whose = f" of {clamp.campaign}" if clamp.campaign is not None else ""
        passed = f"lets {_money(clamp.granted, funding)} of {_money(clamp.desired, funding)} through"
        yield Node(clamp.limit, f"{clamp.limit}{whose} {passed}")


def _lines(judgement: Judgement, funding: Currency | None) -> Iterator[Node]:
    """Yield what each line was granted, and by whom."""
    verdict = judgement.verdict
    for place, line in enumerate(verdict.lines, start=1):
        paid = ", ".join(
            f"{campaign} {_money(share, funding)}"
            for campaign, share in zip(verdict.campaigns, line.shares, strict=True)
            if share
        )
        yield Node(str(place), f"line {place}: {_money(line.grant, funding)}" + (f" by {paid}" if paid else ""))


def _money(amount: int, funding: Currency | None) -> str:
    """Return an amount of the funding currency; without a programme there is none to tell."""
    return money(amount, funding) if funding is not None else str(amount)


def _branches(node: Node, indent: str) -> Iterator[str]:
    """Yield the lines of what is below a node."""
    for place, child in enumerate(node.children, start=1):
        is_last = place == len(node.children)
        yield f"{indent}{'└─ ' if is_last else '├─ '}{child.text}"
        yield from _branches(child, indent + ("   " if is_last else "│  "))
