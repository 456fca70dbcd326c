"""`rules`: what a ruleset of 20 rules with all limits adds to recording, beside a bare percentage in the same run.

Method. Two shops on servers of their own, fsync on, alike but for the rules: one has the bare percentage that a
programme starts with, the other 20 rules of two campaigns, 6 of which match every purchase, in three groups, with every
limit set and none reached, so that each purchase moves five counters, two budgets and the user. `Purchases.record` is
called by so many concurrent callers with one purchase each, in turns, seven pairs; the ratio is their median. Rows and
balances of both are counted at the end.
"""

import hashlib
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import psycopg

from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database
from cashback.kernel.money import Minor
from cashback.ledger.rules import funded
from cashback.ledger.rules.engine import canonical
from cashback.ledger.service.posting import post
from cashback.purchases import Purchases
from tests.benchmarks.checks import Check, at_most, exactly, reported
from tests.benchmarks.pairs import in_turns
from tests.benchmarks.record import Callers
from tests.benchmarks.shop import BUDGET, Shop, open_shop, settle
from tests.benchmarks.twenty_rules import PLENTY, twenty_rules

ROUND_S: Final = 3
CALLERS: Final = 256
PROMISED: Final = 1.4
"""A purchase by 20 rules takes at most 40 % more than one by a bare percentage."""
SECOND: Final = "cmp_second"
CATEGORIES: Final = (("5411", "5812"),)
"""What the merchants do not have: rules that ask for it do not match."""


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    (folder / "bare").mkdir()
    (folder / "rules").mkdir()
    async with (
        open_shop(folder / "bare") as bare,
        open_shop(folder / "rules") as ruled,
        Database.open(bare.dsn, name="bare") as bare_database,
        Database.open(ruled.dsn, name="rules") as ruled_database,
        Purchases.open(bare_database, clock=SystemClock()) as bare_purchases,
        Purchases.open(ruled_database, clock=SystemClock()) as ruled_purchases,
    ):
        await _publish(ruled, ruled_database)
        ours, theirs = Callers(ruled_purchases, ruled.cast), Callers(bare_purchases, bare.cast)
        before = await ruled.purchases(), await bare.purchases()
        await ours.warm_up()
        await theirs.warm_up()
        for shop in (ruled, bare):
            await settle(shop.postgres.dsn("cashback"))
        pairs = await in_turns(partial(_rate, ours), partial(_rate, theirs))
        after = await ruled.purchases(), await bare.purchases()
        astray = await ruled.wrong_balances() + await bare.wrong_balances()
    lost = abs(after[0] - before[0] - ours.recorded) + abs(after[1] - before[1] - theirs.recorded)
    return [
        at_most("time by 20 rules with all limits against a bare percentage", 1 / pairs.ratio, "times", bound=PROMISED),
        reported("recorded by 20 rules", median(pairs.ours), "purchases/s"),
        reported("recorded by a bare percentage", median(pairs.theirs), "purchases/s"),
        exactly("purchases lost or doubled", lost, "rows", expected=0),
        exactly("balances wrong", astray, "rows", expected=0),
    ]


def _rate(callers: Callers) -> Awaitable[float]:
    """Return purchases a second of one round."""
    return callers.rate(callers=CALLERS, duration_s=ROUND_S)


async def _publish(shop: Shop, database: Database) -> None:
    """Have a shop decide by 20 rules, its second campaign funded."""
    async with await psycopg.AsyncConnection.connect(shop.postgres.dsn("cashback")) as connection:
        cursor = await connection.execute("select id, programme_id from ledger.campaigns")
        first, programme = (await cursor.fetchone()) or ("", "")
        await connection.execute(
            """
            insert into ledger.campaigns (id, programme_id, name, starts_at, created_at)
            values (%s, %s, 'second', '2020-01-01', now())
            """,
            (SECOND, programme),
        )
        await connection.execute("update ledger.campaigns set day_limit_minor = %s", (PLENTY,))
        rules = twenty_rules((first, SECOND), CATEGORIES, rate_bps=50, review_above=PLENTY, time_zone="Europe/Berlin")
        document = canonical(rules)
        await connection.execute("update ledger.rulesets set ends_at = '2020-01-01'")
        await connection.execute(
            """
            insert into ledger.rulesets (id, programme_id, version, document, digest, starts_at, published_at)
            values ('rul_20', %s, 2, %s, %s, '2020-01-01', now())
            """,
            (programme, document, hashlib.sha256(document).digest()),
        )
    async with database.transaction() as tx:
        await post(tx, [funded(SECOND, "USD", Minor(BUDGET))], at=SystemClock().now())
