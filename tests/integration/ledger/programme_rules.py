"""Rulesets and campaigns for tests, stored by a superuser: publishing is not what is tested."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from cashback.kernel.ids import new_id
from cashback.kernel.money import Minor
from cashback.ledger.model import Programme
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.rulesets import Fixed, Percent, Rule, Rules
from cashback.ledger.rules import budget_of, funded
from cashback.ledger.rules.engine import canonical
from cashback.ledger.service.posting import post
from cashback.ledger.store import books
from tests.integration.ledger.world import START, World

BEFORE: Final = datetime(2020, 1, 1, tzinfo=UTC)


async def publish(world: World, programme: Programme, rules: Rules, *, starts_at: datetime | None = None) -> str:
    """Publish a ruleset as the programme's next version, which closes the one before; return its id."""
    document, ruleset_id = canonical(rules), new_id("rul")
    before = await world.one("select max(version) from ledger.rulesets where programme_id = %s", programme.id)
    starts_at = starts_at or BEFORE + timedelta(hours=before)
    await world.rows(
        "update ledger.rulesets set ends_at = %s where programme_id = %s and ends_at is null", starts_at, programme.id
    )
    await world.rows(
        """
        insert into ledger.rulesets (id, programme_id, version, document, digest, starts_at, published_at)
        select %s, %s, max(version) + 1, %s, %s, %s, %s
        from ledger.rulesets
        where programme_id = %s
        """,
        ruleset_id,
        programme.id,
        document,
        hashlib.sha256(document).digest(),
        starts_at,
        START,
        programme.id,
    )
    return ruleset_id


async def campaign(
    world: World,
    programme: Programme,
    *,
    budget: int,
    day_limit: int | None = None,
    exhaustion: Exhaustion = Exhaustion.PARTIAL_FILL,
    stripes: int = 1,
    ends_at: datetime | None = None,
) -> str:
    """Store a campaign with a budget in its first stripe; return its id."""
    campaign_id = new_id("cmp")
    await world.rows(
        """
        insert into ledger.campaigns (id, programme_id, name, starts_at, ends_at, day_limit_minor, on_exhaustion,
                                      stripes, created_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        campaign_id,
        programme.id,
        campaign_id,
        BEFORE,
        ends_at,
        day_limit,
        exhaustion.value,
        stripes,
        START,
    )
    async with world.api.transaction() as tx:
        stripes_of = [budget_of(campaign_id, programme.currency.code, stripe) for stripe in range(stripes)]
        await books.open_accounts(tx, stripes_of)
        await post(tx, [funded(campaign_id, programme.currency.code, Minor(budget))], at=START)
    return campaign_id


def rule(name: str, campaign_id: str, earns: int | Fixed = 1_000, **changes: object) -> Rule:
    """Return a rule of so many basis points, 10 % unless told otherwise."""
    earning = Percent(rate_bps=earns) if isinstance(earns, int) else earns
    return msgspec.structs.replace(Rule(id=name, campaign=campaign_id, earns=earning), **changes)


async def budget_left(world: World, campaign_id: str) -> int:
    """Return what all stripes of a campaign's budget hold."""
    return int(
        await world.one(
            "select coalesce(sum(balance), 0) from ledger.accounts where owner = %s and kind = 'budget'", campaign_id
        )
    )
