"""The peer of `make bench ONLY=api_peer` writes what we write: a reference that does less is none.

Its recording is called here as it is, over a blocking session: greenlet, which the asynchronous one needs, and FastAPI
are in the peer's own environment alone. How it answers over HTTP is checked by the benchmark itself.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from cashback.kernel.ids import new_id
from cashback.ledger.rules.engine import replay_in_full
from cashback.ledger.store import terms
from cashback.purchases import model
from cashback.purchases.model import OPERATOR, NewPurchase, PurchaseAnswer
from tests.benchmarks.peers.fastapi_orm.bodies import PurchaseIn
from tests.benchmarks.peers.fastapi_orm.recording import Asked, Recorded, Refused, record
from tests.integration.ledger.world import START, Dsns, World, buy

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
COLUMNS = """
    select table_schema || '.' || table_name, array_agg(column_name::text order by column_name::text)
    from information_schema.columns
    join information_schema.tables using (table_schema, table_name)
    where table_schema in ('purchases', 'ledger', 'webhooks')
      and table_type = 'BASE TABLE'
      and table_name !~ '_[0-9]{8}$'
    group by 1
"""


class Peer:
    """The peer's recording on a session that blocks."""

    def __init__(self, session: Session) -> None:
        """Record with `session`."""
        self._session = session

    async def record(self, purchase: NewPurchase) -> Recorded:
        """Record a purchase as the peer does, and commit."""
        body = PurchaseIn(
            merchant_id=purchase.merchant_id,
            user_id=purchase.user_id,
            amount_minor=str(purchase.amount_minor),
            currency=purchase.currency,
            occurred_at=purchase.occurred_at,
            reference=purchase.reference,
        )
        asked = Asked(
            owner=OPERATOR, key=purchase.key, by_key=purchase.key_id, traceparent=purchase.traceparent or "", now=START
        )
        with self._session.begin():
            return await record(cast("Any", Awaited(self._session)), body, asked)


class Awaited:
    """A blocking session where an asynchronous one is expected."""

    def __init__(self, session: Session) -> None:
        """Do everything with `session`."""
        self._session = session
        self.add, self.add_all = session.add, session.add_all

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever a session can do
        """Return one of its methods, to be awaited."""
        method = getattr(self._session, name)

        async def answer(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # as above
            return method(*arguments, **named)

        return answer


@pytest.fixture
def peer(dsns: Dsns) -> Iterator[Peer]:
    """Give the peer, in the API's own role."""
    engine = create_engine(dsns.of("cashback_api").replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine, expire_on_commit=False) as session:
        yield Peer(session)
    engine.dispose()


async def filled(world: World) -> dict[str, dict[str, int]]:
    """Return for each table how many rows it has, and how many of those have something in which column."""
    tables = dict(await world.rows(COLUMNS))
    counts = " union all ".join(
        f"select '{table}', array[count(*), {', '.join(f'count({column})' for column in columns)}] from {table}"
        for table, columns in tables.items()
    )
    return {table: dict(zip(["", *tables[table]], held, strict=True)) for table, held in await world.rows(counts)}


def more(before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Return which tables have more rows than before, and in which columns there is more."""
    grown = {
        table: {column: count - before[table][column] for column, count in columns.items()}
        for table, columns in after.items()
    }
    return {
        table: {column: by for column, by in columns.items() if by} for table, columns in grown.items() if columns[""]
    }


CASES: tuple[dict[str, Any], ...] = (
    {},
    {"reference": None},
    {"amount_minor": 1},
    {"amount_minor": 0},
    {"currency": "EUR"},
    {"amount_minor": 10**9},
    {},
)
"""What is granted, earns less than a cent, costs nothing, is in a currency that no programme takes, and finds nothing
left: the dear one takes all of the budget, when we record it; the peer then finds none, as we do with the last one."""


async def test_the_peer_leaves_the_rows_that_we_leave(world: World, peer: Peer) -> None:
    """The same tables, the same number of rows, the same columns filled, and books that add up (I8)."""
    await world.programme(rate=150, budget=1_000)
    merchant = await world.merchant()
    left = []
    for number, changes in enumerate(CASES):
        around: dict[str, Any] = {"traceparent": TRACE, "key_id": new_id("key")}
        first, second = await world.user(), await world.user()
        before = await filled(world)
        await world.record(buy(first, merchant, **{**around, "reference": f"order {number}1", **changes}))
        between = await filled(world)
        await peer.record(buy(second, merchant, **{**around, "reference": f"order {number}2", **changes}))
        left.append((more(before, between), more(between, await filled(world))))
    *alike, (drained, _), (_, _) = left
    assert [theirs for _, theirs in alike] == [ours for ours, _ in alike]
    assert left[-2][1] == left[-1][0] == left[-1][1]
    assert "ledger.transfers" in drained
    await world.assert_books_prove()


async def test_the_peer_answers_and_publishes_as_we_do(world: World, peer: Peer) -> None:
    """The same members with the same values, but for ids and times."""
    await world.programme(rate=150)
    user, merchant = await world.user(), await world.merchant()
    purchase = buy(user, merchant, 1_999, reference="A-17", traceparent=TRACE)
    outcome = await world.purchases.record_one(purchase)
    assert isinstance(outcome, model.Recorded)
    ours = json.loads(outcome.answer)
    alike = msgspec.structs.replace(purchase, key=new_id("req"), reference="A-18")
    theirs = json.loads((await peer.record(alike)).answer)
    assert (ours.pop("reference"), theirs.pop("reference")) == ("A-17", "A-18")
    for answer in (ours, theirs):
        assert (answer.pop("id")[:4], answer["cashback"].pop("id")[:3]) == ("pur_", "cb_")
        del answer["received_at"]
    assert theirs == ours
    for schema, type_ in (("purchases", "purchase.created"), ("ledger", "cashback.approved")):
        one, other = await world.events(schema, type_)
        assert list(json.loads(one.data)) == list(json.loads(other.data))
        assert (one.traceparent, len(one.data)) == (other.traceparent, len(other.data))
    [(one,), (other,)] = await world.rows("select grants from ledger.cashback_ledger")
    assert one == other


async def test_the_peers_decisions_replay_as_ours_do(world: World, peer: Peer) -> None:
    """What it stores is what our engine decides from the same facts, to the byte: granted, partly, and not at all."""
    await world.programme(rate=150, budget=1_000)
    user, merchant = await world.user(), await world.merchant()
    for amount in (1_999, 1, 0, 10**9, 1_999):
        await peer.record(buy(user, merchant, amount))
    async with world.api.transaction() as tx:
        [ruleset] = await terms.rulesets(tx, [await world.one("select id from ledger.rulesets")])
    documents = [bytes(row[0]) for row in await world.rows("select document from ledger.decisions")]
    assert [replay_in_full(document, ruleset) for document in documents] == documents


async def test_the_peer_records_a_key_once(world: World, peer: Peer) -> None:
    """A repetition gets the first answer, byte for byte; another purchase under the same key is refused (I7)."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    purchase = buy(user, merchant)
    first, again = await peer.record(purchase), await peer.record(purchase)
    assert (first.is_replay, again.is_replay, again.answer) == (False, True, first.answer)
    later = msgspec.structs.replace(purchase, occurred_at=START + timedelta(seconds=1))
    with pytest.raises(Refused, match="another request"):
        await peer.record(later)
    assert await world.one("select count(*) from purchases.purchases") == 1
    assert msgspec.json.decode(first.answer, type=PurchaseAnswer).cashback.state == "approved"


async def test_the_peer_records_nothing_for_nobody(world: World, peer: Peer) -> None:
    """Users and merchants that do not exist are refused, and leave no key behind."""
    user, merchant = await world.user(), await world.merchant()
    before = await filled(world)
    for purchase in (buy(user, merchant, user_id=new_id("usr")), buy(user, merchant, merchant_id=new_id("mer"))):
        with pytest.raises(Refused, match="there is no such"):
            await peer.record(purchase)
    assert await filled(world) == before


async def test_the_peer_records_a_name_once(world: World, peer: Peer) -> None:
    """A merchant's reference is the name of one purchase there as here, whoever has recorded that."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    await world.record(buy(user, merchant, reference="A-17"))
    before = await filled(world)
    with pytest.raises(Refused, match="has this reference"):
        await peer.record(buy(user, merchant, reference="A-17"))
    assert await filled(world) == before
