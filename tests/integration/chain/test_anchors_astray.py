"""Anchors that something comes between: forks, reverts, strangers, lost databases, another module (I2, I3, I9)."""

import msgspec
import pytest

from cashback.chain.model import Anchor, Person
from cashback.chain.rules import anchoring
from cashback.processes import adapter
from tests.integration.chain.evidence import anchored, evidence, halted_reason, kinds, logs_of, reached
from tests.integration.chain.support import Bench, assembled, loops, mint, running, serving
from tests.integration.chain.test_handover import hand_over, next_module
from tests.integration.chain.test_older_database import BEHIND, backup, recovered
from tests.integration.chain.test_unknown_mints import detail, is_known, role_of
from tests.integration.chain.waiting import eventually
from tests.support.servers import Databases

ALICE = Person("alice")


async def settled(bench: Bench) -> None:
    """Make a mint final, so that the lane is open and every mint is known."""
    await bench.submit(mint(1))
    await bench.settled([1])
    await is_known(bench)


@pytest.mark.invariant("I3", "I9")
async def test_an_anchor_whose_block_is_replaced_goes_back_and_is_mined_once(settings: adapter.Settings) -> None:
    """Its stored bytes are sent again; a newer one goes on waiting for it."""
    async with serving(settings) as bench:
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        first = await reached(bench, 10, "included")
        await bench.adapter.anchors.anchor(evidence(20))
        await bench.lever.automine(is_on=False)
        await bench.lever.reorganise(await bench.lever.head() - first.block_number + 1)
        again = await reached(bench, 10, "submitted")
        assert (again.transaction_hash, again.block_number) == (first.transaction_hash, 0)
        assert (await bench.adapter.anchors.of(20)).state == "accepted"
        await bench.sent()
        await bench.lever.automine(is_on=True)
        final = await reached(bench, 10, "final", mining=True)
        assert final.transaction_hash == first.transaction_hash
        await reached(bench, 20, "final", mining=True)
        assert await anchored(bench) == logs_of(evidence(10), evidence(20))
        assert await halted_reason(bench) is None


async def reverts(bench: Bench, up_to: int, *, times: int) -> None:
    """Have the call of the anchor of one place mined behind a pause, until its failure is final for the nth time.

    The pause lasts until then, so that no other call of it is mined meanwhile.
    """
    await bench.lever.automine(is_on=False)
    await reached(bench, up_to, "submitted")
    await bench.sent()
    await bench.people.pause()

    async def look() -> bool | None:
        await bench.lever.mine()
        return await bench.rows(f"select reverts from chain.anchors where up_to = {up_to}") == [(times,)] or None

    await eventually(look)
    await bench.people.unpause()
    await bench.lever.mine()


@pytest.mark.invariant("I9")
async def test_an_anchor_whose_call_failed_is_repeated_until_it_is_held_and_again_when_it_is_asked_for(
    settings: adapter.Settings,
) -> None:
    """Only once the failure is final; the bound keeps it from paying for failures for ever."""
    async with serving(settings) as bench:
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        for times in range(1, anchoring.REVERTS_MAX + 1):
            await reverts(bench, 10, times=times)
        view = await bench.adapter.anchors.of(10)
        assert (view.state, view.reason) == ("held", "minter_paused")
        assert (await bench.adapter.anchors.anchor(evidence(10))).state == "accepted"
        await reached(bench, 10, "final", mining=True)
        assert await kinds(bench) == ["mint", *["anchor"] * (anchoring.REVERTS_MAX + 1)]
        assert await anchored(bench) == logs_of(evidence(10))


async def test_an_anchor_that_failed_leaves_the_way_to_a_newer_one(settings: adapter.Settings) -> None:
    """It is superseded as if no lane had ever taken it."""
    async with serving(settings) as bench:
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        await bench.lever.automine(is_on=False)
        await reached(bench, 10, "submitted")
        await bench.adapter.anchors.anchor(evidence(20))
        await reverts(bench, 10, times=1)
        await reached(bench, 20, "final", mining=True)
        assert (await bench.adapter.anchors.of(10)).state == "superseded"
        assert await anchored(bench) == logs_of(evidence(20))


async def test_an_anchor_that_the_node_refuses_to_call_is_held_unsigned_and_harms_no_mint(
    settings: adapter.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried first: too little gas, here. Asked for again it is tried again."""
    monkeypatch.setattr(anchoring, "GAS_ANCHOR", 25_000)
    async with serving(settings) as bench:
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        assert (await reached(bench, 10, "held")).reason == "out_of_gas"
        await bench.submit(mint(2))
        await bench.settled([2])
        assert await kinds(bench) == ["mint", "mint"]
        assert (await bench.adapter.anchors.anchor(evidence(10))).state == "accepted"
        await reached(bench, 10, "held")
        monkeypatch.undo()
        await bench.adapter.anchors.anchor(evidence(20))
        await reached(bench, 20, "final", mining=True)
        assert (await bench.adapter.anchors.of(10)).state == "superseded"


async def test_a_strangers_anchor_is_told_and_halts_and_is_never_taken_for_ours(settings: adapter.Settings) -> None:
    """Whoever holds an operator's role can write one, as far ahead as it likes."""
    async with serving(settings) as bench:
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        await reached(bench, 10, "final", mining=True)
        await bench.people.anchor_elsewhere(b"\xee" * 32, 2**64 - 1)
        await bench.people.anchor_elsewhere(b"\xee" * 32, 99)
        assert await bench.halted(mining=True) == "unknown_anchor"
        told = f"anchored, and never asked for here: up to {2**64 - 1} the root 0x{'ee' * 32}"
        assert (await detail(bench)).removesuffix(", and 99") == told
        latest = await bench.adapter.anchors.latest()
        assert latest.newest is not None
        assert (latest.newest.up_to, (await bench.adapter.anchors.of(99)).state) == (10, "unknown")
        assert (await bench.adapter.anchors.anchor(evidence(20))).state == "accepted"


async def test_an_anchor_that_somebody_else_published_as_it_was_asked_for_is_published_once(
    settings: adapter.Settings,
) -> None:
    """As a mint, it is matched by what it says, whoever's transaction carried it."""
    async with assembled(settings) as bench:
        await bench.adapter.anchors.anchor(evidence(10))
        await bench.people.anchor_elsewhere(evidence(10).root, 10)
        async with running(bench.adapter.follower.run):
            await reached(bench, 10, "final", mining=True)
    async with serving(settings) as bench:
        await settled(bench)
        assert await anchored(bench) == logs_of(evidence(10))
        assert await kinds(bench) == ["mint"]


@pytest.mark.invariant("I2")
async def test_a_database_that_is_rebuilt_from_the_logs_knows_the_anchors_again(
    settings: adapter.Settings, databases: Databases
) -> None:
    """The last one is told at once, another root in its place conflicts, and asked for again it is not sent again."""
    async with serving(settings) as bench:
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        await reached(bench, 10, "final", mining=True)
        await bench.adapter.anchors.anchor(evidence(20))
        final = await reached(bench, 20, "final", mining=True)
    with databases.fresh(databases.template("chain_template", lambda _: None)) as empty:
        rebuilt = msgspec.structs.replace(settings, chain_dsn=role_of(empty))
        async with serving(rebuilt) as bench:
            await is_known(bench)
            assert (await bench.adapter.anchors.latest()).final == final
            assert (await bench.adapter.anchors.of(10)).state == "final"
            assert (await bench.adapter.anchors.anchor(evidence(20))) == msgspec.structs.replace(
                final, state="included"
            )
            await reached(bench, 20, "final", mining=True)
            await bench.adapter.anchors.anchor(evidence(30))
            await reached(bench, 30, "final", mining=True)
            assert await anchored(bench) == logs_of(evidence(10), evidence(20), evidence(30))
            assert await halted_reason(bench) is None


@pytest.mark.invariant("I2", "I3")
async def test_nothing_is_anchored_before_all_that_stands_on_the_chain_is_read(
    settings: adapter.Settings, databases: Databases
) -> None:
    """A lane whose key is new opens at once; what another key has anchored it would publish a second time."""
    several = msgspec.structs.replace(settings, key_count=2, connections=10)
    async with serving(settings) as bench:
        await bench.people.employ(several.signers()[1].address)
        await settled(bench)
        await bench.adapter.anchors.anchor(evidence(10))
        await reached(bench, 10, "final", mining=True)
    with databases.fresh(databases.template("chain_template", lambda _: None)) as empty:
        async with assembled(msgspec.structs.replace(several, chain_dsn=role_of(empty))) as bench:
            new = bench.adapter.lanes[1]
            assert (await bench.adapter.anchors.anchor(evidence(10))).state == "accepted"
            assert await new._tenure.hold()
            await new._serve()
            assert await bench.rows("select next_nonce from chain.lanes") == [(0,)]
            assert await kinds(bench) == []
            async with running(*loops(bench)):
                await reached(bench, 10, "final", mining=True)
            assert await anchored(bench) == logs_of(evidence(10))
            assert await kinds(bench) == []


@pytest.mark.invariant("I2", "I9")
async def test_an_anchor_that_a_backup_does_not_know_is_found_on_the_chain_after_a_recovery(
    settings: adapter.Settings, databases: Databases
) -> None:
    """Until then it counts as a stranger's, and nothing is signed."""
    async with serving(settings) as bench:
        await settled(bench)
    with backup(databases, settings) as older:
        async with serving(settings) as bench:
            await bench.adapter.anchors.anchor(evidence(10))
            await reached(bench, 10, "final", mining=True)
        async with serving(older) as bench:
            assert await bench.halted(mining=True) in {*BEHIND, "unknown_anchor"}
            await bench.followed()
            assert (await bench.adapter.anchors.latest()).newest is None
            await recovered(bench)
            await bench.adapter.halting.resume(by=ALICE, because="the list was read")
            await is_known(bench)
            assert (await bench.adapter.anchors.of(10)).state == "final"
            await bench.adapter.anchors.anchor(evidence(10))
            await bench.adapter.anchors.anchor(evidence(20))
            await reached(bench, 20, "final", mining=True)
            assert await anchored(bench) == logs_of(evidence(10), evidence(20))
            assert await halted_reason(bench) is None


@pytest.mark.invariant("I9")
async def test_an_anchor_in_flight_while_the_module_is_replaced_counts_in_the_old_ones_name(
    settings: adapter.Settings,
) -> None:
    """The old module keeps the signer's role: its log is ours all the same, and the next is the new module's."""
    async with serving(settings) as bench:
        await settled(bench)
        following = await next_module(bench)
        await bench.lever.automine(is_on=False)
        await bench.adapter.anchors.anchor(evidence(10))
        await reached(bench, 10, "submitted")
        await bench.sent()
        await hand_over(bench, following)
    async with assembled(settings) as bench:  # which follows nothing
        await bench.lever.mine()
        await bench.lever.automine(is_on=True)
    async with serving(msgspec.structs.replace(settings, minter_address=following)) as bench:
        view = await reached(bench, 10, "final", mining=True)
        assert f"0x{view.minter.hex()}" == settings.minter_address.lower()
        await bench.adapter.anchors.anchor(evidence(20))
        view = await reached(bench, 20, "final", mining=True)
        assert f"0x{view.minter.hex()}" == following.lower()
        assert await anchored(bench) == logs_of(evidence(10), evidence(20))
        assert await halted_reason(bench) is None


@pytest.mark.invariant("I9")
async def test_an_anchor_whose_nonce_the_chain_gave_to_something_else_is_published_at_another(
    settings: adapter.Settings, databases: Databases
) -> None:
    """A backup knows it as sent, and the chain has another transaction there: adopted by order, it waits again."""
    async with serving(settings) as bench:
        await settled(bench)
        await bench.lever.automine(is_on=False)
        await bench.adapter.anchors.anchor(Anchor(b"\x0a" * 32, 10))
        await reached(bench, 10, "submitted")
        await bench.sent()
    with backup(databases, settings) as older:
        [(nonce,)] = await _nonces(older)
        await _replace_pooled(settings, nonce)
        async with serving(older) as bench:
            assert await bench.halted(mining=True) in {*BEHIND, "nonce_used_by_stranger"}
            await recovered(bench)
            await bench.adapter.halting.resume(by=ALICE, because="the list was read")
            await bench.lever.automine(is_on=True)
            await reached(bench, 10, "final", mining=True)
            assert await anchored(bench) == [(b"\x0a" * 32, 10)]
            assert await kinds(bench) == ["mint", "adopted", "anchor"]


async def _nonces(settings: adapter.Settings) -> list[tuple[int]]:
    """Return the nonce of the anchor that is under way."""
    async with assembled(settings) as bench:
        return [(row[0],) for row in await bench.rows("select nonce from chain.anchors where state = 'submitted'")]


async def _replace_pooled(settings: adapter.Settings, nonce: int) -> None:
    """Have the node mine something else of the signer's at this nonce."""
    async with assembled(settings) as bench:
        [(signer,)] = await bench.rows("select address from chain.lanes")
        for pooled in (await bench.lever.call("txpool_content"))["pending"].values():
            for transaction in pooled.values():
                await bench.lever.call("anvil_dropTransaction", transaction["hash"])
        call = {"from": f"0x{signer.hex()}", "to": f"0x{signer.hex()}", "gas": hex(21_000), "nonce": hex(nonce)}
        await bench.lever.call("eth_sendTransaction", call)
        await bench.lever.mine()
