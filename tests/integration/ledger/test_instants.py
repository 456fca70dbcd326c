"""Instants at the ends of their range: nobody stores one beyond them, and one of before is brought back."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest

from cashback.kernel import migrations
from cashback.kernel.instants import EARLIEST, LATEST
from cashback.ledger import NewCampaign
from cashback.ledger.model.backtests import Backtest, BacktestInvalid
from cashback.ledger.model.campaigns import CampaignInvalid
from cashback.ledger.model.drafts import WindowEmpty
from cashback.ledger.model.explained import Simulation, SimulationInvalid
from cashback.ledger.model.rates import NewRate, RateInvalid
from cashback.ledger.model.statements import PeriodInvalid
from cashback.ledger.rules.rates import checked_rate
from cashback.ledger.rules.windows import place
from cashback.ledger.service import Backtests, RateReadings, RulesetReadings, Simulations, Statements
from cashback.ledger.service.campaigns import create_campaign
from cashback.ledger.service.trial import trial_balance
from cashback.purchases.model import OPERATOR, Order, Refused
from cashback.purchases.service import Facts, Orders
from cashback.purchases.service.facts import TierChange
from tests.integration.ledger.older import older
from tests.integration.ledger.world import World, buy, new_key
from tests.support.servers import Databases

EVER: Final = datetime.fromisoformat("9999-12-31T23:59:59-05:00")
BEYOND: Final = ("9999-12-31 23:59:59-05", "9999-01-01 00:00:00.000001+00", "infinity")
RATE: Final = (
    "insert into ledger.exchange_rates (base, quote, numerator, denominator, source, as_of, is_confirmed, recorded_at)"
    " values ('EUR', 'USD', 1, 1, 'x', %s, false, 'infinity')"
)
STEP: Final = timedelta(microseconds=1)


@pytest.mark.parametrize("instant", BEYOND)
@pytest.mark.parametrize(
    "statement,constraint",
    [
        ("update ledger.campaigns set ends_at = %s", "campaign_window_in_range"),
        ("update ledger.rulesets set ends_at = %s", "ruleset_window_in_range"),
        (RATE, "rate_in_range"),
        ("update purchases.users set tier = 'gold', tier_since = %s", "user_tier_in_range"),
    ],
)
async def test_no_role_stores_what_nobody_can_read(world: World, statement: str, constraint: str, instant: str) -> None:
    """Whatever the code above it does: the database refuses it by name."""
    await world.programme()
    await world.user()
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        await world.rows(statement, instant)
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("starts_at,ends_at,pointer", [(None, EVER, "/ends_at"), (EVER, None, "/starts_at")])
async def test_a_campaign_for_ever_has_no_end_rather_than_one_beyond_the_range(
    world: World, starts_at: datetime | None, ends_at: datetime | None, pointer: str
) -> None:
    """It is refused with its place, nothing is stored, and a purchase after it earns."""
    programme = await world.programme()
    new = NewCampaign(programme_id=programme.id, name="ever", budget=1_000, starts_at=starts_at, ends_at=ends_at)
    stored = await world.rows("select count(*) from ledger.campaigns")
    with pytest.raises(CampaignInvalid) as refused:
        async with world.api.transaction() as tx:
            await create_campaign(tx, new, now=world.clock.now())
    assert refused.value.fields == {"pointer": pointer}
    assert await world.rows("select count(*) from ledger.campaigns") == stored
    [answer] = await world.record(buy(await world.user(), await world.merchant()))
    assert answer.cashback.reason == "granted"


async def test_a_campaign_until_the_end_of_the_range_pays_and_is_read(world: World) -> None:
    """The last instant there is belongs to it, in every time zone."""
    programme = await world.programme()
    async with world.api.transaction() as tx:
        new = NewCampaign(programme_id=programme.id, name="long", budget=1_000, ends_at=LATEST)
        made = await create_campaign(tx, new, now=world.clock.now())
    assert made.ends_at == LATEST
    [answer] = await world.record(buy(await world.user(), await world.merchant()))
    assert answer.cashback.reason == "granted"


@pytest.mark.parametrize("starts_at,ends_at,pointer", [(None, EVER, "/ends_at"), (EVER, None, "/starts_at")])
def test_no_window_of_a_ruleset_lies_beyond(starts_at: datetime | None, ends_at: datetime | None, pointer: str) -> None:
    """As with campaigns, since versions are read for every purchase as well."""
    with pytest.raises(WindowEmpty) as refused:
        place([], starts_at=starts_at, ends_at=ends_at, now=datetime(2026, 3, 1, tzinfo=UTC))
    assert refused.value.fields == {"pointer": pointer}


async def test_nothing_else_that_takes_an_instant_takes_one_out_of_range(world: World) -> None:
    """Rates, tiers, statements, backtests and simulations, whoever calls them: each tells the place."""
    early, now = datetime.fromisoformat("0001-01-01T00:00:00+14:00"), world.clock.now()
    user, statements = await world.user(), Statements(world.auditor)
    order = Order(owner=OPERATOR, key=new_key(), traceparent=None)
    change = TierChange(user_id=user.id, tier="gold", since=early)
    outcome = await Facts(Orders(world.api, clock=world.clock)).set_tier(order, change)
    assert isinstance(outcome, Refused)
    assert outcome.error.fields == {"pointer": "/since"}
    rate = NewRate(base="EUR", quote="USD", numerator=1, denominator=1, source="x", as_of=early)
    bought = Simulation(
        ruleset="rul_1", merchant_id="mer_1", amount=1, currency="USD", occurred_at=now, received_at=EVER
    )
    with pytest.raises(RateInvalid) as unsound:
        checked_rate(rate, now=now)
    assert unsound.value.fields == {"pointer": "/as_of"}
    for asked, kind, fields in (
        (Simulations(world.api).run(bought), SimulationInvalid, {"pointer": "/received_at"}),
        (tried(world, Backtest(ruleset="rul_1", until=EVER)), BacktestInvalid, {"pointer": "/until"}),
        (statements.balance_at(user.id, known_at=EVER), PeriodInvalid, {"parameter": "known_at"}),
        (statements.page(user.id, since=early, until=now, cursor=None, limit=1), PeriodInvalid, {"parameter": "from"}),
        (trial_balance(world.auditor, at=EVER, within_s=1), PeriodInvalid, {"parameter": "at"}),
        (RateReadings(world.api).in_force("EUR", "USD", at=early), PeriodInvalid, {"parameter": "at"}),
        (RulesetReadings(world.api).in_force("prg_1", at=EVER), PeriodInvalid, {"parameter": "at"}),
    ):
        with pytest.raises(kind) as refused:
            await asked
        assert refused.value.fields == fields


async def tried(world: World, asked: Backtest) -> object:
    """Return the story of a backtest of at most one purchase."""
    return await Backtests(world.auditor).run(asked, most=1, reached=lambda *_: None)


def test_what_was_stored_beyond_the_range_is_brought_to_its_end(databases: Databases) -> None:
    """No route could mend it; windows keep their order, and a version still ends where the next one begins."""
    with older(databases, "instants_in_range") as (dsn, connection):
        _store_beyond(connection)
        migrations.upgrade(dsn, "ledger")
        now = datetime(2026, 1, 1, tzinfo=UTC)
        assert connection.execute("select starts_at, ends_at from ledger.campaigns order by id").fetchall() == [
            (now, LATEST),
            (now, None),
            (now, now + STEP),
        ]
        assert connection.execute("select starts_at, ends_at from ledger.rulesets order by version").fetchall() == [
            (EARLIEST, LATEST - STEP),
            (LATEST - STEP, LATEST),
        ]
        assert connection.execute("select as_of from ledger.exchange_rates order by position").fetchall() == [
            (EARLIEST,),
            (EARLIEST + STEP,),
            (now,),
        ]
        for table in ("rulesets", "exchange_rates"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"delete from ledger.{table}".encode())


def test_a_tier_of_before_the_range_is_held_since_its_beginning(databases: Databases) -> None:
    """Its user's purchases are recorded again."""
    with older(databases, "instants_in_range", schema="purchases") as (dsn, connection):
        for name, since in (("early", "0001-01-01 00:00:00+14"), ("late", "2026-01-01 00:00:00+00")):
            connection.execute(
                "insert into purchases.users (id, created_at, tier, tier_since) values (%s, now(), 'gold', %s)",
                (f"usr_{name}", since),
            )
        migrations.upgrade(dsn, "purchases")
        rows = connection.execute("select tier_since from purchases.users order by id").fetchall()
    assert rows == [(EARLIEST,), (datetime(2026, 1, 1, tzinfo=UTC),)]


def _store_beyond(connection: psycopg.Connection[Any]) -> None:
    """Store what the release before took: windows for ever, and rates of the beginning of the calendar."""
    now, ever, later = "2026-01-01 00:00:00+00", "9999-12-31 23:59:59-05", "10000-06-01 00:00:00+00"
    connection.execute("set session_replication_role = replica")
    for id_, ends_at in (("cmp_1", ever), ("cmp_2", None), ("cmp_3", "2026-01-01 00:00:00.000001+00")):
        connection.execute(
            "insert into ledger.campaigns (id, programme_id, name, starts_at, ends_at, created_at)"
            " values (%s, 'prg_1', %s, %s, %s, now())",
            (id_, id_, now, ends_at),
        )
    for version, starts_at, ends_at in ((1, "1900-01-01 00:00:00+00", ever), (2, ever, later)):
        connection.execute(
            "insert into ledger.rulesets (id, programme_id, version, document, digest, starts_at, ends_at,"
            " published_at) values (%s, 'prg_1', %s, '{}', sha256('{}'), %s, %s, now())",
            (f"rul_{version}", version, starts_at, ends_at),
        )
    for as_of in ("0001-01-01 00:00:00+14", "1899-12-31 23:59:59+00", now):
        connection.execute(RATE.encode(), (as_of,))
    connection.execute("set session_replication_role = origin")
