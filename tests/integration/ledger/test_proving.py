"""A proof is a file that a stranger checks: it says what stood in the books, and nothing in it can be bent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest

from cashback.kernel.errors import Unavailable
from cashback.ledger.model import AnchorState, CashbackUnknown, ChainAnchor, Fault, LineUnknown, NotSealed, ProofInvalid
from cashback.ledger.model.proofs import CashbackProof
from cashback.ledger.rules.proofs import check_proof, read_proof
from cashback.ledger.service import Anchorer, AnchorPolicy, CashbackChecker
from cashback.ledger.service.anchoring import LEASE
from cashback.ledger.service.proving import Prover
from tests.integration.ledger.sealing import fence_of, minted, seal_all
from tests.integration.ledger.world import World, buy

TRANSACTION = "0x" + "ab" * 32


class Publisher:
    """Stands in for the adapter: keeps each root once, and takes one step towards final each time it is asked."""

    def __init__(self) -> None:
        """Have published nothing."""
        self.steps: dict[bytes, int] = {}
        self.up_to: dict[bytes, int] = {}
        self.is_down = False
        self.is_superseding = False
        self.superseded: set[bytes] = set()

    def book_back(self) -> None:
        """Have the blocks of all anchors gone: the newest waits again, and the others are superseded by it."""
        newest = max(self.up_to, key=self.up_to.__getitem__)
        self.steps[newest] = -1
        self.superseded = self.up_to.keys() - {newest}

    async def anchor(self, root: bytes, up_to: int) -> ChainAnchor:
        """Return how far a root is."""
        if self.is_down:
            raise Unavailable("the adapter did not answer")
        step = self.steps[root] = self.steps.get(root, -1) + 1
        assert self.up_to.setdefault(root, up_to) == up_to
        states = (AnchorState.ACCEPTED, AnchorState.SUBMITTED, AnchorState.INCLUDED, AnchorState.FINAL)
        is_superseded = self.is_superseding or root in self.superseded
        is_sent = step > 0 and not is_superseded
        is_on_chain = step > 1 and not is_superseded
        return ChainAnchor(
            root=root,
            up_to=up_to,
            state=AnchorState.SUPERSEDED if is_superseded else states[min(step, 3)],
            transaction_hash=TRANSACTION if is_sent else None,
            block_number=7 if is_on_chain else None,
            block_hash="0x" + "cd" * 32 if is_on_chain else None,
            minter="0x" + "11" * 20,
            reason="",
        )


def anchorer_of(world: World, publisher: Publisher, *, every_s: int = 0) -> Anchorer:
    """Return whoever publishes."""
    policy = AnchorPolicy(every=timedelta(seconds=every_s))
    return Anchorer(world.worker, publisher, clock=world.clock, policy=policy)


async def publish(world: World, publisher: Publisher) -> None:
    """Have the newest seal published until it is final."""
    anchorer, fence = anchorer_of(world, publisher), await fence_of(world, name=LEASE)
    for _ in range(4):
        await anchorer.turn(fence)


async def proof_of(world: World, cashback_id: str) -> CashbackProof:
    """Return a proof as a stranger reads it from its file."""
    return read_proof(msgspec.json.encode(await Prover(world.auditor).prove(cashback_id)))


async def test_every_line_of_a_cashback_is_proved_down_to_the_chain(world: World) -> None:
    """Accrual, conversion, request and mint, of a cashback among others, over several seals."""
    one, two, three = await minted(world, cashbacks=3)
    await seal_all(world, leaves_max=4)
    await minted(world)
    await seal_all(world, leaves_max=4)
    publisher = Publisher()
    await publish(world, publisher)
    for cashback_id in (one, two, three):
        proved = check_proof(await proof_of(world, cashback_id))
        assert [line["cause"] for line in proved.lines] == ["accrual", "conversion", "request", "mint"]
        [anchor] = proved.anchors
        assert (anchor.is_anchored, anchor.transaction_hash, anchor.lines) == (True, TRANSACTION, 4)
        assert publisher.up_to == {bytes.fromhex(anchor.root): int(anchor.up_to)}


async def test_one_line_is_proved_by_its_position(world: World) -> None:
    """Even while a later line of the same cashback is under no seal yet; a position of another cashback is none."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    bought, other = await world.record(buy(user, merchant), buy(user, merchant))
    await seal_all(world)
    await world.request(bought.cashback.id)
    [[first]] = await world.rows(
        "select position from ledger.transfers where cashback_id = %s and cause = 'accrual'", bought.cashback.id
    )
    prover = Prover(world.auditor)
    with pytest.raises(NotSealed):
        await prover.prove(bought.cashback.id)
    [line] = check_proof(await prover.prove(bought.cashback.id, position=first)).lines
    assert (line["cause"], line["position"]) == ("accrual", str(first))
    with pytest.raises(LineUnknown):
        await prover.prove(other.cashback.id, position=first)


async def test_a_check_of_one_cashback_goes_to_its_anchor(world: World) -> None:
    """Over the seals between; a link that is broken there is found, one behind the anchor is not."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    publisher = Publisher()
    [bought] = await world.record(buy(user, merchant))
    for place in range(5):
        await seal_all(world)
        if place == 3:
            await publish(world, publisher)
        await world.record(buy(user, merchant))
    checker = CashbackChecker(world.auditor)
    checked = await checker.check(bought.cashback.id)
    assert (checked.seals, checked.unanchored, checked.flaw) == (4, 0, None)
    assert [anchor.seal for anchor in checked.anchors] == [4]
    for seal, fault in ((5, None), (3, Fault.SEAL_BROKEN)):
        await world.rows(
            f"set session_replication_role = replica;"
            f"update ledger.seals set previous = sha256('') where number = {seal}"
        )
        flaw = (await checker.check(bought.cashback.id)).flaw
        assert (flaw.fault if flaw else None) == fault


async def test_each_line_goes_to_the_first_anchor_after_it(world: World) -> None:
    """Not through all the seals of a hold of thirty days."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [bought] = await world.record(buy(user, merchant))
    await seal_all(world)
    publisher = Publisher()
    await publish(world, publisher)
    for _ in range(5):
        await world.record(buy(user, merchant))
        await seal_all(world)
    await world.request(bought.cashback.id)
    await seal_all(world)
    await publish(world, publisher)
    proof = await proof_of(world, bought.cashback.id)
    assert [len(stretch.seals) for stretch in proof.stretches] == [1, 1]
    assert [anchor.lines for anchor in check_proof(proof).anchors] == [1, 2]


async def test_a_proof_that_is_not_anchored_says_so(world: World) -> None:
    """It proves the lines down to a root that nobody has seen yet."""
    [cashback_id] = await minted(world)
    await seal_all(world)
    [anchor] = check_proof(await proof_of(world, cashback_id)).anchors
    assert (anchor.is_anchored, anchor.transaction_hash) == (False, None)


async def test_what_is_not_sealed_cannot_be_proved_yet(world: World) -> None:
    """Neither before it is chained, nor before it is sealed; and nobody's cashback never."""
    [cashback_id] = await minted(world)
    with pytest.raises(NotSealed):
        await proof_of(world, cashback_id)
    with pytest.raises(CashbackUnknown):
        await proof_of(world, "cb_unknown")


BENT: Final[dict[str, Callable[[CashbackProof], CashbackProof]]] = {
    "/lines/0/path": lambda proof: bend(proof, "content", '"amount":"150"', '"amount":"151"'),
    "/lines/0/path/0": lambda proof: bend(proof, "path", None, ["zz"]),
    "/lines/0/seal": lambda proof: bend(proof, "seal", None, "99"),
    "/lines/0/leaf": lambda proof: bend(proof, "leaf", None, "-1"),
    "/lines/1/leaf": lambda proof: msgspec.structs.replace(proof, lines=[proof.lines[0], *proof.lines]),
    "/lines/0/content": lambda proof: msgspec.structs.replace(proof, cashback_id="cb_other"),
    "/lines": lambda proof: msgspec.structs.replace(proof, lines=[]),
    "/stretches/0/seals/1": lambda proof: bend_seals(proof, lambda seals: [seals[0], *seals[2:]]),
    "/stretches/0/seals/0": lambda proof: bend_seals(proof, lambda seals: [" " + seals[0], *seals[1:]]),
    "/stretches/0/seals": lambda proof: bend_seals(proof, lambda _: []),
    "/stretches/0/anchor": lambda proof: bend_seals(proof, lambda seals: seals[:-1]),
    "/format": lambda proof: msgspec.structs.replace(proof, format="cashback-ledger-proof/0"),
}


def bend(proof: CashbackProof, name: str, old: str | None, new: Any) -> CashbackProof:  # noqa: ANN401  # a member of any kind
    """Return the proof with something else in its first line."""
    line = proof.lines[0]
    value = new if old is None else getattr(line, name).replace(old, new)
    return msgspec.structs.replace(proof, lines=[msgspec.structs.replace(line, **{name: value}), *proof.lines[1:]])


def bend_seals(proof: CashbackProof, change: Callable[[list[str]], list[str]]) -> CashbackProof:
    """Return the proof with other seals in its first stretch."""
    stretch = proof.stretches[0]
    changed = msgspec.structs.replace(stretch, seals=change(stretch.seals))
    return msgspec.structs.replace(proof, stretches=[changed, *proof.stretches[1:]])


@pytest.mark.parametrize("pointer", list(BENT))
async def test_a_bent_proof_is_refused_at_the_place(world: World, pointer: str) -> None:
    """An amount, a path, a place, a seal left out or written otherwise, another anchor: none of it passes."""
    [cashback_id] = await minted(world)
    await seal_all(world, leaves_max=2)
    await publish(world, Publisher())
    proof = await proof_of(world, cashback_id)
    assert len(proof.stretches[0].seals) == 3
    check_proof(proof)
    with pytest.raises(ProofInvalid) as refused:
        check_proof(read_proof(msgspec.json.encode(BENT[pointer](proof))))
    assert refused.value.fields["pointer"] == pointer


async def test_one_seal_is_published_at_a_time_and_the_newest_is_next(world: World) -> None:
    """Followed to its end by asking; then, once it is time, whatever is newest."""
    await minted(world)
    await seal_all(world, leaves_max=2)
    publisher = Publisher()
    anchorer, fence = anchorer_of(world, publisher, every_s=60), await fence_of(world, name=LEASE)
    states = []
    for _ in range(5):
        await anchorer.turn(fence)
        states.append(await world.one("select state from ledger.anchors"))
    assert states == ["accepted", "submitted", "included", "final", "final"]
    newest = await world.one("select max(last_leaf) from ledger.seals")
    assert list(publisher.up_to.values()) == [newest]
    await minted(world)
    await seal_all(world, leaves_max=2)
    await anchorer.turn(fence)
    assert len(publisher.steps) == 1
    world.clock.advance(timedelta(seconds=60))
    await anchorer.turn(fence)
    assert len(publisher.steps) == 2
    assert max(publisher.up_to.values()) == await world.one("select max(last_leaf) from ledger.seals")


async def test_an_adapter_that_is_down_is_asked_for_the_same_seal_again(world: World) -> None:
    """The choice is stored before anybody is asked, so that a root is never published beside another by accident."""
    await minted(world)
    await seal_all(world)
    publisher = Publisher()
    publisher.is_down = True
    anchorer, fence = anchorer_of(world, publisher), await fence_of(world, name=LEASE)
    with pytest.raises(Unavailable):
        await anchorer.turn(fence)
    assert await world.rows("select seal, state from ledger.anchors") == [(1, "asked")]
    await minted(world)
    await seal_all(world)
    publisher.is_down = False
    await anchorer.turn(fence)
    assert await world.rows("select seal, state from ledger.anchors") == [(1, "accepted")]


async def test_a_superseded_seal_makes_room_for_the_next(world: World) -> None:
    """And proves nothing: what it covered goes to a later anchor."""
    [cashback_id] = await minted(world)
    await seal_all(world)
    publisher = Publisher()
    publisher.is_superseding = True
    anchorer, fence = anchorer_of(world, publisher), await fence_of(world, name=LEASE)
    await anchorer.turn(fence)
    assert (await proof_of(world, cashback_id)).stretches[0].anchor is None
    await minted(world)
    await seal_all(world)
    publisher.is_superseding = False
    await publish(world, publisher)
    assert await world.rows("select seal, state from ledger.anchors order by seal") == [(1, "superseded"), (2, "final")]
    proof = await proof_of(world, cashback_id)
    assert [len(stretch.seals) for stretch in proof.stretches] == [2]


async def test_anchors_of_final_blocks_that_were_replaced_are_final_no_more(world: World) -> None:
    """A person booked the chain back: the newest goes on from the beginning, the one before is superseded by it."""
    publisher = Publisher()
    [cashback_id] = await minted(world)
    await seal_all(world)
    await publish(world, publisher)
    await minted(world)
    await seal_all(world)
    await publish(world, publisher)
    states = "select seal, state from ledger.anchors order by seal"
    assert [state for _, state in await world.rows(states)] == ["final", "final"]
    publisher.book_back()
    await anchorer_of(world, publisher).turn(await fence_of(world, name=LEASE))
    assert [state for _, state in await world.rows(states)] == ["superseded", "accepted"]
    await publish(world, publisher)
    proved = check_proof(await proof_of(world, cashback_id))
    assert [(anchor.is_anchored, anchor.transaction_hash) for anchor in proved.anchors] == [(True, TRANSACTION)]
