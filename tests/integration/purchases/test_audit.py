"""The log of who did what: nobody changes what it tells, a page looks at so much, and its index lets writers be."""

import asyncio
import base64
import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from cashback.kernel.config import Secret
from cashback.kernel.migrations import upgrade
from cashback.kernel.page import CursorInvalid
from cashback.kernel.sealing import Seal
from cashback.purchases.model import OPERATOR, NewUser
from cashback.purchases.service import AuditLog
from cashback.purchases.service.audit import PURPOSE
from tests.integration.ledger.older import older
from tests.integration.ledger.world import START, World, buy, new_key
from tests.support.facts import eventually
from tests.support.servers import Databases

KEY = (
    "insert into purchases.idempotency_keys (owner, key, fingerprint, answer, created_at)"
    " values ('operator', %s, sha256('1'), '{}', now())"
)
SEAL = Seal.of(Secret("shared by all processes"), PURPOSE)
BUILT = "select indisvalid from pg_index where indexrelid = to_regclass('purchases.idempotency_by_time')"


async def told(log: AuditLog, *, merchant_id: str | None = None, limit: int = 2) -> tuple[list[str | None], int]:
    """Return what a log tells of the last month, what was done last first, and in how many pages."""
    found: list[str | None] = []
    place, pages = None, 0
    while pages == 0 or place is not None:
        page, place = await log.deeds(
            merchant_id=merchant_id,
            since=None,
            until=START + timedelta(days=1),
            key_id=None,
            resource=None,
            place=place,
            limit=limit,
        )
        found += [deed.resource for deed in page]
        pages += 1
    return found, pages


async def test_a_page_looks_at_so_many_commands_and_goes_on(world: World) -> None:
    """However rare it is what somebody asks for: they get pages with little in them, and in the end all of it."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [mine] = await world.record(buy(user, merchant, owner=merchant.id))
    await world.record(*[buy(user, merchant) for _ in range(10)])
    commands = await world.one("select count(*) from purchases.idempotency_keys")
    for looked_at_max in (1, 3, 100):
        log = AuditLog(world.api, clock=world.clock, seal=SEAL, looked_at_max=looked_at_max)
        found, pages = await told(log, merchant_id=merchant.id)
        assert found == [mine.id]
        assert pages >= commands // looked_at_max
        everything, _ = await told(log)
        assert len(everything) == commands
        assert len(set(everything)) == commands


async def test_a_place_tells_nobody_of_the_command_at_which_a_page_ended(world: World) -> None:
    """Another's, mostly: neither when that was nor a hash of its key, which guesses could be held against (BOLA).

    Every process goes on from it that has the same secret, and nobody from one that was made up or changed.
    """
    merchant, at = await world.merchant(), START
    await world.people.create_user(NewUser(owner=OPERATOR, key="guessed"))
    asked: dict[str, Any] = dict.fromkeys(("since", "key_id", "resource"))
    asked |= {"merchant_id": merchant.id, "until": at + timedelta(days=1), "limit": 1}
    log = AuditLog(world.api, clock=world.clock, seal=SEAL, looked_at_max=1)
    found, place = await log.deeds(place=None, **asked)
    assert found == []
    assert place is not None
    seen = base64.urlsafe_b64decode(place)
    plain = [hashlib.sha256(f"{OPERATOR}\x1f{key}".encode()) for key in ("guessed", merchant.id)]
    for told_of in (at.isoformat(), str(at.year), *[hash_.hexdigest() for hash_ in plain]):
        assert told_of not in place
        assert told_of.encode() not in seen
    assert not any(hash_.digest() in seen for hash_ in plain)
    other = AuditLog(world.api, clock=world.clock, seal=Seal.of(Secret("shared by all processes"), PURPOSE))
    await other.deeds(place=place, **asked)
    strange = Seal.fresh().close(b"x" * 40)
    for made_up in (strange, SEAL.close(b"short"), place[:-4] + "AAAA", place + "AAAA", "", f"{at.isoformat()} x"):
        with pytest.raises(CursorInvalid):
            await log.deeds(place=made_up, **asked)


async def test_what_was_done_last_is_told_first(world: World) -> None:
    """By when it was asked for."""
    made = []
    for _ in range(5):
        world.clock.advance(timedelta(seconds=1))
        made.append((await world.user()).id)
    found, _ = await told(AuditLog(world.api, clock=world.clock, seal=SEAL))
    assert found == made[::-1]


async def test_nobody_changes_what_the_log_tells(world: World) -> None:
    """The API's role may answer a command, and say once what came of it: no more, and nothing is taken away."""
    await world.people.create_user(NewUser(owner=OPERATOR, key=new_key(), key_id="key_1"))
    async with await psycopg.AsyncConnection.connect(world.dsns.of("cashback_api"), autocommit=True) as connection:
        await connection.execute("update purchases.idempotency_keys set answer = answer")
        await connection.execute("update purchases.idempotency_keys set resource = resource")
        for change in (
            "update purchases.idempotency_keys set resource = 'usr_1'",
            "update purchases.idempotency_keys set resource = null",
            *(
                f"update purchases.idempotency_keys set {column} = {column}"
                for column in ("owner", "key", "fingerprint", "by_key", "what", "created_at")
            ),
            "delete from purchases.idempotency_keys",
            "truncate purchases.idempotency_keys",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(change.encode())


async def test_what_came_of_a_command_is_stored_with_its_answer(world: World) -> None:
    """Of a purchase its name is left out: the id says it, and nothing is written for it."""
    await world.programme()
    purchase = buy(await world.user(), await world.merchant())
    [answer] = await world.record(purchase)
    await world.purchases.record_one(msgspec.structs.replace(purchase, key_id="key_2"))
    rows = await world.rows("select what, resource from purchases.idempotency_keys where key = %s", purchase.key)
    assert rows == [(None, answer.id)]


async def test_the_index_is_built_while_others_write(databases: Databases) -> None:
    """The next run waits for whoever writes at that moment, and everybody else writes on."""
    with older(databases, "who_did_what", schema="purchases") as (dsn, connection), psycopg.connect(dsn) as writing:

        async def is_begun() -> bool | None:
            """Tell whether the index is there, and not whole yet."""
            return connection.execute(BUILT).fetchone() == (False,) or None

        upgrade(dsn, "purchases")
        connection.execute("drop index purchases.idempotency_by_time")
        writing.execute(KEY, ("1",))
        upgrading = asyncio.create_task(asyncio.to_thread(upgrade, dsn, "purchases"))
        await eventually(is_begun, within_s=30.0, what="the index")
        connection.execute("set lock_timeout = '5s'")
        connection.execute(KEY, ("2",))
        writing.commit()
        await asyncio.wait_for(upgrading, 30.0)
        assert connection.execute(BUILT).fetchone() == (True,)


def test_an_index_that_was_cut_off_is_built_anew(databases: Databases) -> None:
    """By the next run; one that is whole stays as it is."""
    file = "select pg_relation_filenode('purchases.idempotency_by_time')"
    with older(databases, "who_did_what", schema="purchases") as (dsn, connection):
        upgrade(dsn, "purchases")
        first = connection.execute(file).fetchone()
        upgrade(dsn, "purchases")
        assert connection.execute(file).fetchone() == first
        connection.execute(
            "update pg_index set indisvalid = false where indexrelid = 'purchases.idempotency_by_time'::regclass"
        )
        upgrade(dsn, "purchases")
        assert connection.execute(BUILT).fetchone() == (True,)
        assert connection.execute(file).fetchone() != first
