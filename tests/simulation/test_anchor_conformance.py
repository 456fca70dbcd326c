"""Anchors of the simulated minter are those of the compiled one on a real node: one suite for both."""

from cashback.chain.model import Anchor, AnchoredLog
from cashback.chain.rules import anchoring, reverts
from tests.simulation import scene
from tests.simulation.abi import selector
from tests.simulation.subjects import Subject
from tests.simulation.test_conformance import revert_of

LAST = Anchor(b"\xff" * 32, 2**63 - 1)


async def test_an_anchor_is_logged_by_the_minter_as_often_as_it_is_asked_for(subject: Subject) -> None:
    """The contract keeps no order and no uniqueness; a reader who names the token alone is told nothing."""
    calldata = anchoring.call(LAST).calldata
    sent = [await subject.mined(scene.OPERATOR, calldata), await subject.mined(scene.OPERATOR, calldata)]
    head = (await subject.blocks.latest()).number
    _, found = await subject.blocks.logs_from(0, head, minters=[subject.minter])
    assert [(log.place.transaction_hash, _said(log)) for log in found if isinstance(log, AnchoredLog)] == [
        (one.hash, (LAST.root, LAST.up_to, subject.minter)) for one in sent
    ]
    assert await subject.blocks.logs_from(0, head) == (head, [])


async def test_an_anchor_is_tried_within_its_gas(subject: Subject) -> None:
    """What is signed for it suffices, and less does not."""
    call = anchoring.call(LAST)
    head = (await subject.blocks.latest()).number
    [trial] = await subject.contracts.tried([call], sender=scene.OPERATOR.address, block=head)
    assert trial.outcome == "done"
    sent, _ = await subject.offer(scene.OPERATOR, call.calldata, gas=call.gas)
    await subject.moves.mine()
    assert (await subject.blocks.receipts([sent.hash]))[sent.hash].is_success


async def test_who_may_not_anchor_and_a_pause_undo_it(subject: Subject) -> None:
    """With the same errors as every call of the minter."""
    calldata = anchoring.call(LAST).calldata
    refused = await revert_of(subject, calldata, sender=scene.GUARDIAN.address)
    assert reverts.reason(refused, gas=2, gas_used=1) == "role_missing"
    await subject.mined(scene.GUARDIAN, selector("pause()"))
    assert reverts.reason(await revert_of(subject, calldata), gas=2, gas_used=1) == "minter_paused"


def _said(log: AnchoredLog) -> tuple[bytes, int, bytes]:
    """Return what a log says."""
    return log.root, log.up_to, log.minter
