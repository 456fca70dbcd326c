"""The check of the evidence, and that it can fail: each kind of tampering is planted, found and named."""

from datetime import timedelta

import pytest

from cashback.ledger.model import CashbackUnknown, Checked, Fault, Published, SealUnknown
from cashback.ledger.rules.evidence import chained, content_of, seal_hash
from cashback.ledger.service import CashbackChecker, checking
from cashback.ledger.service.checking import Checker
from cashback.ledger.store.checking import leaves, seals
from tests.integration.ledger.sealing import fence_of, minted, seal_all, sealer_of
from tests.integration.ledger.world import World, buy

SLIPPED_IN = """
    insert into ledger.transfers (position, debit_account, credit_account, currency, amount, debit_balance_after,
                                  credit_balance_after, cause, cashback_id, at, xact)
    overriding system value
    select 1000, debit_account, credit_account, currency, amount, debit_balance_after, credit_balance_after, cause,
           cashback_id, at, xact
    from ledger.transfers
    where position = 2
"""
PLANTS = {
    "an amount": (
        Fault.ROW_CHANGED,
        "transfer 3, amount",
        "update ledger.transfers set amount = 99 where position = 3",
    ),
    "a balance": (
        Fault.ROW_CHANGED,
        "transfer 3, credit",
        "update ledger.transfers set credit_balance_after = 99 where position = 3",
    ),
    "a time": (
        Fault.ROW_CHANGED,
        "transfer 3, at",
        "update ledger.transfers set at = at - interval '1 microsecond' where position = 3",
    ),
    "an account's owner": (
        Fault.ROW_CHANGED,
        "transfer 2, credit",
        "update ledger.accounts set owner = owner || '0' where kind = 'approved'",
    ),
    "a decision": (
        Fault.ROW_CHANGED,
        "transfer 2, decision_sha256",
        "update ledger.decisions set document = document || ' '",
    ),
    "a transaction's id": (
        Fault.ROW_CHANGED,
        "transfer 3, xact",
        "update ledger.transfers set xact = '1' where position = 3",
    ),
    "a transfer that is gone": (Fault.ROW_MISSING, "transfer 3", "delete from ledger.transfers where position = 3"),
    "a leaf that is gone": (Fault.LEAF_MISSING, "leaf 3", "delete from ledger.leaves where number = 3"),
    "a transfer slipped in behind": (Fault.ROW_ADDED_BEHIND, "transfer 1000", SLIPPED_IN),
    "a leaf that fits a changed transfer": (
        Fault.CHAIN_BROKEN,
        "leaf 3",
        "update ledger.leaves set hash = sha256('') where number = 3",
    ),
    "a seal that is gone": (Fault.SEAL_MISSING, "seal 2", "delete from ledger.seals where number = 2"),
    "a root": (Fault.ROOT_WRONG, "seal 2", "update ledger.seals set root = sha256('') where number = 2"),
    "a link between seals": (
        Fault.SEAL_BROKEN,
        "seal 2, previous",
        "update ledger.seals set previous = sha256('') where number = 2",
    ),
    "a head": (Fault.SEAL_BROKEN, "seal 2, head", "update ledger.seals set head = sha256('') where number = 2"),
    "a seal's hash": (Fault.SEAL_BROKEN, "seal 2, hash", "update ledger.seals set hash = sha256('') where number = 2"),
    "a seal's time": (Fault.SEAL_BROKEN, "seal 2, hash", "update ledger.seals set sealed_at = now() where number = 2"),
    "a seal over fewer leaves": (
        Fault.SEAL_BROKEN,
        "seal 2, first_leaf",
        "update ledger.seals set first_leaf = 4 where number = 2",
    ),
}


async def tamper(world: World, statement: str) -> None:
    """Do as a superuser who switches triggers and foreign keys off."""
    await world.rows(f"set session_replication_role = replica; {statement}")


async def check(world: World, *, from_seal: int = 1, published: tuple[Published, ...] = ()) -> Checked:
    """Return what an auditor finds."""
    return await Checker(world.auditor, published=published).check(from_seal=from_seal)


async def lived_in(world: World) -> None:
    """Leave seven transfers under seals of two leaves each."""
    await minted(world)
    await minted(world)
    await seal_all(world, leaves_max=2)


async def test_sound_books_are_checked_to_the_last_leaf(world: World) -> None:
    """And what was posted since is counted as waiting, not as a flaw."""
    await lived_in(world)
    await world.record(buy(await world.user(), await world.merchant()))
    total = await world.one("select count(*) from ledger.transfers")
    assert await check(world) == Checked(
        leaves=total - 1, seals=(total) // 2, sealed_to=total - 1, waiting=1, anchors=0, flaw=None
    )


async def test_books_without_anything_are_sound(world: World) -> None:
    """Nothing was ever posted."""
    assert await check(world) == Checked(leaves=0, seals=0, sealed_to=0, waiting=0, anchors=0, flaw=None)


@pytest.mark.parametrize("plant", list(PLANTS))
async def test_tampering_is_found_and_named(world: World, plant: str) -> None:
    """With triggers off: the first place that differs, and what stands there."""
    await lived_in(world)
    fault, place, statement = PLANTS[plant]
    await tamper(world, statement)
    flaw = (await check(world)).flaw
    assert flaw is not None
    assert (flaw.fault, place in flaw.place) == (fault, True), flaw
    assert flaw.expected != flaw.found


@pytest.mark.parametrize("page", [1, 2, 3])
async def test_pages_make_no_difference(world: World, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """However few leaves, seals and positions are read at a time, the same is found."""
    await lived_in(world)
    whole = await check(world)
    for name in ("LEAVES_PAGE", "SEALS_PAGE", "POSITIONS_PAGE"):
        monkeypatch.setattr(checking, name, page)
    assert await check(world) == whole
    await tamper(world, PLANTS["an amount"][2])
    flaw = (await check(world)).flaw
    assert flaw is not None
    assert flaw.fault is Fault.ROW_CHANGED


async def test_a_check_may_begin_at_a_seal(world: World) -> None:
    """What is before it is taken for true, what is after it is not."""
    await lived_in(world)
    await tamper(world, PLANTS["a leaf that fits a changed transfer"][2])
    whole, later = await check(world), await check(world, from_seal=3)
    assert whole.flaw is not None
    assert (later.flaw, later.leaves, later.sealed_to) == (None, later.sealed_to - 4, later.sealed_to)
    with pytest.raises(SealUnknown):
        await check(world, from_seal=1_000)


async def test_rewritten_evidence_is_found_by_what_was_published(world: World) -> None:
    """Whoever changes a transfer and everything after it consistently cannot change the chain."""
    await lived_in(world)
    async with world.auditor.transaction() as tx:
        [*_, (last, hash_)] = await seals(tx, after=0, limit=100)
    published = (Published(hash_, last.last_leaf),)
    assert await check(world, published=published) == await _anchored(world)
    await tamper(world, f"delete from ledger.seals where number = {last.number}")
    await tamper(world, f"delete from ledger.leaves where number >= {last.first_leaf}")
    assert (await check(world)).flaw is None
    flaw = (await check(world, published=published)).flaw
    assert flaw is not None
    assert (flaw.fault, flaw.expected) == (Fault.ANCHOR_UNKNOWN, hash_.hex())


async def test_the_bytes_that_are_checked_are_those_of_the_rows(world: World) -> None:
    """Leaf by leaf, from the rows as they stand: so a stranger's copy of the rows is enough."""
    await lived_in(world)
    async with world.auditor.transaction() as tx:
        page = await leaves(tx, after=0, until=None, limit=100)
        all_seals = await seals(tx, after=0, limit=100)
    head = bytes(32)
    for leaf, line in page:
        assert line is not None
        assert content_of(line) == leaf.content
        head = chained(head, leaf.content)
    assert head == page[-1][0].hash == all_seals[-1][0].head
    assert all(seal_hash(seal) == hash_ for seal, hash_ in all_seals)


async def _anchored(world: World) -> Checked:
    """Return what a check without the chain finds, with one anchor."""
    checked = await check(world)
    return Checked(
        leaves=checked.leaves, seals=checked.seals, sealed_to=checked.sealed_to, waiting=0, anchors=1, flaw=None
    )


async def one_of_many(world: World) -> str:
    """Return a cashback of four lines, whose neighbours fill seals of two leaves each."""
    await minted(world)
    [cashback_id] = await minted(world)
    await minted(world)
    await seal_all(world, leaves_max=2)
    return cashback_id


async def test_the_lines_of_one_cashback_are_checked_alone(world: World) -> None:
    """Its lines, what shares their seals, and nothing of the others."""
    cashback_id = await one_of_many(world)
    checked = await CashbackChecker(world.auditor).check(cashback_id)
    assert (checked.lines, checked.waiting, checked.anchors, checked.flaw) == (4, 0, [], None)
    assert checked.seals == checked.unanchored < (await check(world)).seals
    last = await world.one("select max(position) from ledger.transfers")
    await tamper(world, f"update ledger.transfers set amount = 99 where position = {last}")
    assert (await check(world)).flaw is not None
    assert (await CashbackChecker(world.auditor).check(cashback_id)).flaw is None
    with pytest.raises(CashbackUnknown):
        await CashbackChecker(world.auditor).check("cb_nobody")


LINE_PLANTS = {
    "its amount": (Fault.ROW_CHANGED, "update ledger.transfers set amount = 99 where position = {line}"),
    "its leaf": (Fault.CHAIN_BROKEN, "update ledger.leaves set hash = sha256('') where position = {line}"),
    "a line that is gone": (Fault.ROW_MISSING, "delete from ledger.transfers where position = {line}"),
    "the leaf of a line that is gone": (Fault.ROW_ADDED_BEHIND, "delete from ledger.leaves where position = {line}"),
    "its seal's root": (Fault.ROOT_WRONG, "update ledger.seals set root = sha256('') where number = {seal}"),
    "its seal's hash": (Fault.SEAL_BROKEN, "update ledger.seals set hash = sha256('') where number = {seal}"),
    "the seal before": (Fault.SEAL_MISSING, "delete from ledger.seals where number = {seal} - 1"),
}


@pytest.mark.parametrize("plant", list(LINE_PLANTS))
async def test_tampering_with_one_cashback_is_found_by_its_id(world: World, plant: str) -> None:
    """With triggers off: its rows, its leaves and its seals."""
    cashback_id = await one_of_many(world)
    [[line, leaf]] = await world.rows(
        """
        select position, number
        from ledger.transfers
        join ledger.leaves using (position)
        where cashback_id = %s and cause = 'conversion'
        """,
        cashback_id,
    )
    seal = await world.one("select number from ledger.seals where %s between first_leaf and last_leaf", leaf)
    fault, statement = LINE_PLANTS[plant]
    await tamper(world, statement.format(line=line, seal=seal))
    flaw = (await CashbackChecker(world.auditor).check(cashback_id)).flaw
    assert flaw is not None
    assert flaw.fault == fault, flaw


async def test_a_line_that_is_not_sealed_yet_waits_and_is_checked_all_the_same(world: World) -> None:
    """Chained, it is held against the leaf before it; not even chained, it only waits."""
    await world.programme()
    [bought] = await world.record(buy(await world.user(), await world.merchant()))
    checked = await CashbackChecker(world.auditor).check(bought.cashback.id)
    assert (checked.lines, checked.waiting, checked.flaw) == (1, 1, None)
    fence = await fence_of(world)
    await sealer_of(world, wait_max=timedelta(days=1)).turn(fence)
    assert await world.one("select count(*) from ledger.seals") == 0
    assert (await CashbackChecker(world.auditor).check(bought.cashback.id)).flaw is None
    await tamper(world, f"update ledger.transfers set amount = 99 where cashback_id = '{bought.cashback.id}'")
    flaw = (await CashbackChecker(world.auditor).check(bought.cashback.id)).flaw
    assert flaw is not None
    assert flaw.fault is Fault.ROW_CHANGED
