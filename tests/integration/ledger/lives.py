"""What tests of the life before the request share: a programme's terms, and the worker that keeps them."""

from typing import Any

from cashback.ledger.service.life import Life, LifePolicy
from tests.integration.ledger.world import World, buy


def life_of(world: World, *, batch_max: int = 5_000) -> Life:
    """Return a worker of the world."""
    return Life(world.worker, clock=world.clock, policy=LifePolicy(batch_max=batch_max))


async def with_terms(world: World, **terms: int) -> None:
    """Give a programme in force with these columns set."""
    programme = await world.programme()
    changes = ", ".join(f"{column} = {value}" for column, value in terms.items()) or "name = name"
    await world.rows(f"update ledger.programmes set {changes} where id = %s", programme.id)


async def bought(world: World, *amounts: int, wallet: str | None = "any") -> list[str]:
    """Give the cashbacks of purchases of those amounts by one user, bought now."""
    user, merchant = await world.user(wallet=wallet), await world.merchant()
    answers = await world.record(
        *[buy(user, merchant, amount, occurred_at=world.clock.now()) for amount in amounts or (10_000,)]
    )
    return [answer.cashback.id for answer in answers]


async def steps(world: World, cashback_id: str) -> list[str]:
    """Return the states of a cashback, first to last."""
    return [step.to_state.value for step in await world.readings.timeline(cashback_id)]


async def postings(world: World, cashback_id: str) -> list[tuple[Any, ...]]:
    """Return what moved for a cashback: cause, from which kind of account to which, and how much."""
    return await world.rows(
        "select cause, debit.kind, credit.kind, amount from ledger.transfers as transfer"
        " join ledger.accounts as debit on debit.id = debit_account"
        " join ledger.accounts as credit on credit.id = credit_account"
        " where cashback_id = %s order by position",
        cashback_id,
    )


async def told(world: World, cashback_id: str) -> list[str]:
    """Return the types of what the ledger told the world of a cashback, in order."""
    rows = await world.rows("select type from ledger.outbox_events where key = %s order by position", cashback_id)
    return [row[0] for row in rows]


async def budget_left(world: World) -> int:
    """Return what all budgets hold."""
    return int(await world.one("select sum(balance) from ledger.accounts where kind = 'budget'"))
