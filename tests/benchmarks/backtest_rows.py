"""Recorded purchases for a backtest, made of a few decisions by the engine itself and spread in SQL over many rows.

templates ──one for each amount and category──▶ documents of engine 2 ──SQL: merchant, instant──▶ ledger rows
"""

from datetime import UTC, datetime
from typing import Final

import msgspec
import psycopg

from cashback.kernel.money import Currency, Minor, TokenRate
from cashback.ledger.model import Conversion
from cashback.ledger.model.engine import CampaignLeft, Judgement, Left, ProgrammeFacts, Published, PurchaseFacts
from cashback.ledger.rules.engine import canonical, decide_in_full, document_in_full, published
from tests.benchmarks.twenty_rules import twenty_rules

DRAFT: Final = "drf_bench"
CAMPAIGNS: Final = ("cmp_bench1", "cmp_bench2")
PROGRAMME: Final = "prg_bench"
BUDGET: Final = 10**14
DAYS: Final = 30
PURCHASES_PER_USER: Final = 20
USER_DAY: Final = 600
"""What the draft grants a user in a day, in minor units: no purchase alone reaches it, and some days do."""

_MCCS: Final = ("5411", "5812", "5541", "5999", "4111", "5732")
_CATEGORIES: Final = tuple((mcc,) for mcc in _MCCS)
_AMOUNTS: Final = 40
_NOON: Final = datetime(2026, 11, 1, 12, tzinfo=UTC)
_MERCHANT: Final = "mer_template"
_FACTS: Final = PurchaseFacts(
    merchant_id=_MERCHANT, currency="USD", amount=Minor(1), occurred_at=_NOON, received_at=_NOON
)
_TERMS: Final = ProgrammeFacts(id=PROGRAMME, funding=Currency("USD", 2))
_CONVERSION: Final = Conversion(rate=TokenRate(1, 1), source=PROGRAMME, as_of=_NOON)
_LEFT: Final = Left(
    user_day=Minor(10**13),
    user_month=Minor(10**13),
    user_lifetime=Minor(10**13),
    merchant_day=Minor(10**13),
    campaigns=tuple(CampaignLeft(name, Minor(BUDGET)) for name in CAMPAIGNS),
)


class Expected(msgspec.Struct, frozen=True):
    """What a backtest must find, told by the database alone: costs in minor units, and how many purchases were cut."""

    purchases: int
    recorded: int
    draft: int
    cut: int


def fill(dsn: str, *, purchases: int) -> None:
    """Have a migrated ledger hold a programme, two funded campaigns, a draft, and so many decided purchases."""
    draft = twenty_rules(CAMPAIGNS, _CATEGORIES, rate_bps=80, per_day=str(USER_DAY))
    before = published(twenty_rules(CAMPAIGNS, _CATEGORIES, rate_bps=50), id="rul_bench", version=1)
    tried = published(twenty_rules(CAMPAIGNS, _CATEGORIES, rate_bps=80), id="rul_tried", version=2)
    templates = [_template(place, before, tried) for place in range(_AMOUNTS * len(_MCCS))]
    with psycopg.connect(dsn) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("set synchronous_commit = off")
        connection.execute(_PROGRAMME.encode(), {"id": PROGRAMME, "campaigns": list(CAMPAIGNS), "budget": BUDGET})
        connection.execute(
            """
            insert into ledger.ruleset_drafts (id, programme_id, name, document, created_at, changed_at)
            values (%s, %s, 'bench', %s, now(), now())
            """,
            (DRAFT, PROGRAMME, canonical(draft)),
        )
        connection.execute(_TEMPLATES.encode())
        with connection.cursor().copy("copy bench_templates from stdin") as copy:
            for template in templates:
                copy.write_row(template)
        connection.execute(_BOUGHT.encode(), _sizes(purchases, len(templates)))
        connection.execute(_PURCHASES.encode(), {"programme": PROGRAMME})
        connection.execute(_DECISIONS.encode(), {"merchant": _MERCHANT, "noon": _instant(_NOON)})
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze ledger.cashback_ledger, ledger.decisions")


def expected(dsn: str) -> Expected:
    """Return what the draft must come to: each user's day pays what was earned in it, up to the limit of a day."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_EXPECTED.encode(), {"limit": USER_DAY}).fetchone()
    if row is None:
        raise RuntimeError("a select of sums has given no row")
    return Expected(*map(int, row))


def _template(place: int, before: Published, tried: Published) -> tuple[int, int, int, str]:
    """Return one decision of what was bought: place, what was granted, what the draft earns, and the document."""
    facts = msgspec.structs.replace(_FACTS, amount=Minor(901 + 197 * (place // len(_MCCS))), mcc=_MCCS[place % 6])
    granted, earned = _judged(facts, before), _judged(facts, tried)
    return place, granted.verdict.amount, earned.verdict.amount, document_in_full(granted).decode()


def _judged(facts: PurchaseFacts, ruleset: Published) -> Judgement:
    """Return a decision that no limit has cut."""
    return decide_in_full(facts, _TERMS, ruleset, _LEFT, None, _CONVERSION)


def _sizes(purchases: int, templates: int) -> dict[str, object]:
    """Return how many there are of what."""
    return {"purchases": purchases, "users": purchases // PURCHASES_PER_USER, "templates": templates, "days": DAYS}


def _instant(at: datetime) -> str:
    """Return an instant as documents hold it."""
    return msgspec.json.encode(at).decode().strip('"')


_PROGRAMME: Final = """
    with programme as (
        insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator, token_rate_denominator,
            created_at)
        values (%(id)s, 'backtest', 'USD', 2, 1, 1, '2026-01-01')
    ),
    campaign as (
        insert into ledger.campaigns (id, programme_id, name, starts_at, created_at)
        select campaign, %(id)s, campaign, '2020-01-01', '2026-01-01'
        from unnest(%(campaigns)s::text[]) as campaign
    )
    insert into ledger.accounts (owner, kind, currency, balance)
    select campaign, 'budget', 'USD', %(budget)s
    from unnest(%(campaigns)s::text[]) as campaign
"""

_TEMPLATES: Final = """
    create temporary table bench_templates (place int primary key, granted bigint, earned bigint, document text)
"""

# Two purchases of a day and a user are as likely as by chance: each is a hash of its number.
_BOUGHT: Final = """
    create table public.bench_purchases as
    select number,
           abs(hashint8(number)::bigint) %% %(users)s as user_number,
           (number - 1) * %(days)s / %(purchases)s as day,
           '2026-11-01T12:00:00Z'::timestamptz + ((number - 1) * %(days)s / %(purchases)s) * interval '1 day' as at,
           template.*
    from generate_series(1, %(purchases)s::bigint) as number
    join bench_templates as template on template.place = abs(hashint8(-number)::bigint) %% %(templates)s
"""

_PURCHASES: Final = """
    insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, programme_id, currency,
        desired_minor, amount_minor, token_units, state, reason, created_at, net_minor, payable_minor, payable_units,
        approved_at)
    select 'cb_' || lpad(number::text, 26, '0'), 'pur_' || lpad(number::text, 26, '0'),
           'usr_' || lpad(user_number::text, 26, '0'), 'mer_' || lpad((place + number %% 3 * 1000)::text, 26, '0'),
           %(programme)s, 'USD', granted, granted, granted * 10000, 'approved', 'granted', at, granted, granted,
           granted * 10000, at
    from public.bench_purchases
    order by number
"""

_DECISIONS: Final = """
    insert into ledger.decisions (cashback_id, document)
    select 'cb_' || lpad(number::text, 26, '0'),
           convert_to(
               replace(
                   replace(document, %(merchant)s, 'mer_' || lpad((place + number %% 3 * 1000)::text, 26, '0')),
                   %(noon)s, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
               ),
               'UTF8'
           )
    from public.bench_purchases
    order by number
"""

_EXPECTED: Final = """
    select count(*), sum(granted), sum(least(earned, greatest(%(limit)s - (so_far - earned), 0))),
           count(*) filter (where so_far > %(limit)s)
    from (
        select granted, earned, sum(earned) over (partition by user_number, day order by number) as so_far
        from public.bench_purchases
    ) as bought
"""
