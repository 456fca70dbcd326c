"""Anchors asked for, and what came of them on the chain."""

from collections.abc import Sequence

from cashback.chain.gateway.decoding import ANCHORED
from cashback.chain.model import Anchor, AnchorView
from tests.integration.chain.support import Bench
from tests.integration.chain.waiting import eventually


def evidence(up_to: int, *, root: int | None = None) -> Anchor:
    """Return an anchor whose root tells up to where it reaches, unless another one is given."""
    return Anchor((up_to if root is None else root).to_bytes(32), up_to)


async def anchored(bench: Bench) -> list[tuple[bytes, int]]:
    """Return the root and the place of every anchor in the chain's logs, in their order, by whichever module."""
    wanted = {"topics": [f"0x{ANCHORED.hex()}"], "fromBlock": "0x0"}
    logs = await bench.lever.call("eth_getLogs", wanted)
    return [(bytes.fromhex(log["topics"][1][2:]), int(log["topics"][2], 16)) for log in logs]


def logs_of(*anchors: Anchor) -> list[tuple[bytes, int]]:
    """Return what the chain's logs say of anchors."""
    return [(one.root, one.up_to) for one in anchors]


async def reached(bench: Bench, up_to: int, *states: str, mining: bool = False) -> AnchorView:
    """Return the anchor of one place once it is in one of `states`; with `mining`, blocks are made meanwhile."""

    async def look() -> AnchorView | None:
        if mining:
            await bench.lever.mine()
        view = await bench.adapter.anchors.of(up_to)
        return view if view.state in states else None

    return await eventually(look)


async def kinds(bench: Bench) -> Sequence[str]:
    """Return the kind of every slot, by nonce."""
    return [row[0] for row in await bench.rows("select kind from chain.slots order by lane, nonce")]


async def halted_reason(bench: Bench) -> str | None:
    """Return why minting is halted, None when it is not."""
    return (await bench.adapter.reading.status()).network.halted_reason
