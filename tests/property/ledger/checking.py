"""Rows, accounts and counters held against what must be, and the house's own audits at the end of a run."""

from collections import Counter
from typing import Final

from cashback.kernel.money import TOKEN_SYMBOL
from cashback.ledger.model import TRANSITIONS
from cashback.ledger.service import Checker, Recomputer, trial_balance
from tests.integration.ledger.sealing import seal_all
from tests.integration.ledger.world import World
from tests.property.ledger.reference import REQUESTED, Scheme
from tests.property.ledger.reference_book import Book
from tests.property.ledger.sight import Rows, Sight

_ACCOUNT_OF: Final = {
    "pending": "pending",
    "review": "pending",
    "approved": "approved",
    "mint_requested": "in_flight",
    "stuck": "stuck",
    "minted": "minted",
    "reversed": "minted",
}
_CASHBACKS: Final = (
    "select id, state, amount_minor, net_minor, payable_minor, payable_units, requested_units, netted_units,"
    " debt_units, debited_minor, mint_number from ledger.cashback_ledger order by position"
)
_NUMBERS: Final = (
    "select mint_number from ledger.cashback_ledger where mint_number is not null"
    " union all select number from ledger.retired_numbers"
)
_ACCOUNTS: Final = (
    "select owner, kind, currency, sum(balance)::bigint, min(balance) from ledger.accounts"
    " where kind = any(%s) or kind = 'funding' and owner = any(%s) group by 1, 2, 3"
)
_KINDS: Final = ["pending", "approved", "in_flight", "stuck", "minted", "budget", "debt"]
_GRANTED: Final = (
    "select programme_id, cashback.user_id, cashback.merchant_id,"
    " (occurred_at at time zone 'UTC')::date::text, cashback.amount_minor"
    " from ledger.cashback_ledger as cashback"
    " join purchases.purchases as purchase on purchase.id = purchase_id where cashback.amount_minor > 0"
)
_COUNTERS: Final = "select owner, subject, kind, period, used_minor from ledger.counters where used_minor <> 0"
_LINES: Final = (
    "select cashback_id, campaign_id, wanted_minor, waits_until, has_returns from ledger.waitlist order by position"
)
_EDGES: Final = "select from_state, to_state, count(*) from ledger.cashback_transitions group by 1, 2"
_BROKEN: Final = (
    "select count(*) from (select from_state,"
    " lag(to_state) over (partition by cashback_id order by position) as before"
    " from ledger.cashback_transitions) as step where from_state is distinct from before"
)


async def number_of(seen: Sight, cashback_id: str) -> int:
    """Return the mint number that a cashback has."""
    return int(await seen.one("select mint_number from ledger.cashback_ledger where id = %s", cashback_id))


async def edges(seen: Sight) -> Counter[tuple[str, str]]:
    """Return how often each step was taken; the first state of a cashback follows `start`."""
    return _counted(await seen.rows(_EDGES))


async def check(seen: Sight, book: Book, schemes: list[Scheme]) -> None:
    """Assert that all that is stored is what the reference says (I1)."""
    owners = [scheme.id for scheme in schemes]
    cashbacks, numbers, accounts, granted, counters, lines, walked, broken = await seen.answers(
        [
            (_CASHBACKS, ()),
            (_NUMBERS, ()),
            (_ACCOUNTS, (_KINDS, owners)),
            (_GRANTED, ()),
            (_COUNTERS, ()),
            (_LINES, ()),
            (_EDGES, ()),
            (_BROKEN, ()),
        ]
    )
    _check_cashbacks(cashbacks, book)
    assert len(numbers) == len(set(numbers)), "one number, two mints (I2)"
    _check_accounts(accounts, book, schemes)
    _check_debts(book)
    _check_limits(granted, book, schemes)
    _check_counters(counters, schemes)
    _check_lines(lines, book)
    _check_history(_counted(walked), broken[0][0])


async def audit(world: World) -> None:
    """Assert that every audit of the house is clean: proof, trial balance, recomputation, evidence, decisions."""
    await world.assert_books_prove()
    assert (await trial_balance(world.auditor, at=None, within_s=30)).is_balanced
    recomputed = await Recomputer(world.worker, clock=world.clock, by="a test").recompute()
    assert recomputed.differences == 0
    await seal_all(world)
    checked = await Checker(world.auditor).check()
    assert (checked.flaw, checked.waiting) == (None, 0)
    for cashback in await world.readings.mints():
        assert await world.readings.replayed(cashback) == cashback.document


def _counted(rows: Rows) -> Counter[tuple[str, str]]:
    """Return the rows of `_EDGES` by step."""
    return Counter({(before or "start", after): count for before, after, count in rows})


def _check_cashbacks(rows: Rows, book: Book) -> None:
    """Check each cashback: state, money, tokens; what is minted is what the net was worth, less what was kept."""
    found = {row[0]: tuple(row[1:10]) for row in rows}
    expected = {
        id_: (
            *(one.state, one.amount, one.net, one.payable, one.units),
            *(one.requested, one.netted, one.debt, one.debited),
        )
        for id_, one in book.cashbacks.items()
    }
    assert found == expected
    for row in rows:
        state, _, _, payable, units, requested, netted, _, _ = found[row[0]]
        assert (row[10] is not None) == (requested is not None) == (state in REQUESTED)
        if requested is not None:
            assert requested == units - netted == book.cashbacks[row[0]].scheme.tokens(payable) - netted > 0


def _check_accounts(rows: Rows, book: Book, schemes: list[Scheme]) -> None:
    """Check what every user and every campaign holds, debts included."""
    expected: Counter[tuple[str, str, str]] = Counter()
    for one in book.cashbacks.values():
        if kind := _ACCOUNT_OF.get(one.state):
            is_token = one.requested is not None
            currency = TOKEN_SYMBOL if is_token else one.scheme.currency
            expected[one.user, kind, currency] += one.requested if one.requested is not None else one.payable
    for scheme in schemes:
        expected[scheme.id, "funding", scheme.currency] += scheme.own
        for fund in scheme.funds.values():
            expected[fund.id, "budget", scheme.currency] += fund.left
    for user, debtor in book.debtors.items():
        expected[user, "debt", TOKEN_SYMBOL] -= debtor.owes
    found = {(row[0], row[1], row[2]): row[3] for row in rows if row[3]}
    assert found == {key: sum_ for key, sum_ in expected.items() if sum_}
    assert all(row[4] >= 0 for row in rows if row[1] not in ("debt", "funding")), (
        "a budget or a user's money fell below nothing"
    )


def _check_debts(book: Book) -> None:
    """Check that every debt is what cashbacks raised, and became what they kept, what is open and what was given up."""
    netted: Counter[str] = Counter()
    debts: Counter[str] = Counter()
    for one in book.cashbacks.values():
        netted[one.user] += one.netted
        debts[one.user] += one.debt
    for user, debtor in book.debtors.items():
        assert debtor.raised == debtor.owes + debtor.collected + debtor.given_up
        assert (netted[user], debts[user]) == (debtor.collected, debtor.raised)


def _check_limits(rows: Rows, book: Book, schemes: list[Scheme]) -> None:
    """Check that what was granted in all is within every limit, whatever the counters say."""
    granted: Counter[tuple[str, ...]] = Counter()
    for programme, user, merchant, day, amount in rows:
        granted["user_day", programme, user, day] += amount
        granted["user_month", programme, user, day[:7]] += amount
        granted["user_lifetime", programme, user, ""] += amount
        granted["merchant_day", programme, merchant, day] += amount
    most = {scheme.id: scheme.limits for scheme in schemes}
    for (kind, programme, *_), amount in granted.items():
        assert amount <= most[programme][kind], (kind, programme)
    by_day: Counter[tuple[str, str]] = Counter()
    for one in book.cashbacks.values():
        # What a person gives is in no limit.
        for campaign, share in one.grants().items() if one.giver is None else ():
            by_day[campaign, one.occurred_at.date().isoformat()] += share
    for scheme in schemes:
        for fund in scheme.funds.values():
            if fund.day_limit is not None:
                assert all(sum_ <= fund.day_limit for (id_, _), sum_ in by_day.items() if id_ == fund.id)


def _check_counters(rows: Rows, schemes: list[Scheme]) -> None:
    """Check that the engine's counters hold, limit by limit, what the reference has granted, and no others exist."""
    expected: dict[tuple[str, str, str, str], int] = {}
    for scheme in schemes:
        for (kind, of, period), used in scheme.used.items():
            if kind != "campaign_day":
                expected[scheme.id, of, kind, period] = used
            elif scheme.funds[of].day_limit is not None:
                expected[of, "", kind, period] = used
    found = {(owner, subject, kind, period): used for owner, subject, kind, period, used in rows}
    assert found == {key: used for key, used in expected.items() if used}


def _check_lines(rows: Rows, book: Book) -> None:
    """Check who waits for what, how long, and in which order."""
    assert rows == [
        (id_, one.waits_for, one.wants, one.waits_until, one.has_returns)
        for id_, one in book.cashbacks.items()
        if one.state == "waitlisted"
    ]


def _check_history(walked: Counter[tuple[str, str]], broken: int) -> None:
    """Check that no cashback took a step that the model does not know, and that its steps follow each other."""
    known = {(before or "start", after.value) for before, afters in TRANSITIONS.items() for after in afters}
    assert set(walked) <= known
    assert broken == 0
