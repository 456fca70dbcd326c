"""Where a run begins: at the last checkpoint that chain, ledger and minting still bear out, or at the beginning."""

import msgspec

from cashback.ledger.model import Checkpoint, Closed
from cashback.processes.reconcile.findings import Findings, Kind, finding
from cashback.processes.reconcile.sources import Sources, hash_at


class Start(msgspec.Struct, frozen=True):
    """The checkpoint that a run goes on from, None for a whole run, and why that is."""

    checkpoint: Checkpoint | None
    reason: str

    @property
    def read_to(self) -> int:
        """Return up to which block the chain was read by then, -1 when it was not."""
        return -1 if self.checkpoint is None else self.checkpoint.at_block

    @property
    def settled_to(self) -> int:
        """Return up to which block every mint was settled and agreed, -1 when nothing was compared."""
        return -1 if self.checkpoint is None else self.checkpoint.settled_to


async def start(sources: Sources, findings: Findings, *, is_whole: bool) -> Start:
    """Return where to begin; a checkpoint whose block was replaced is a finding.

    Raises:
        Unavailable: a source did not answer.
    """
    if is_whole:
        return Start(None, "a whole run was asked for")
    known = await sources.journal.checkpoints()
    if not known:
        return Start(None, "there is no checkpoint yet")
    for checkpoint in known:
        stands = await hash_at(sources.adapter, checkpoint.at_block)
        if stands == checkpoint.at_block_hash:
            return await _unless_changed(sources, checkpoint)
        if checkpoint is known[0]:
            place = f"block {checkpoint.at_block}"
            replaced = finding(Kind.REORGANISED, place, expected=checkpoint.at_block_hash, found=stands)
            findings.take([replaced])
    return Start(None, "the blocks of all checkpoints were replaced")


async def _unless_changed(sources: Sources, checkpoint: Checkpoint) -> Start:
    """Return a start at a checkpoint, unless what was settled by then is not what is settled up to there now."""
    ledger = await sources.journal.closed(to_block=checkpoint.settled_to)
    minting = Closed(*await sources.minting.closed(to_block=checkpoint.settled_to))
    changed = [
        name
        for name, then, now in (("ledger", checkpoint.ledger, ledger), ("minting", checkpoint.minting, minting))
        if then != now
    ]
    if changed:
        return Start(None, f"what {' and '.join(changed)} had settled at the checkpoint was changed since")
    return Start(checkpoint, f"goes on from block {checkpoint.at_block}")
