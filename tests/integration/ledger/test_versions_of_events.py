"""The ledger's handlers go by the version that a delivery says, not by what its data looks like."""

from datetime import UTC, datetime

import pytest

from cashback.events import EventUnreadable
from cashback.events.ledger import CashbackApproved
from cashback.events.minting import TokenMinted
from cashback.kernel.bus import Delivery
from cashback.minting.consumer import to_request
from tests.contract.golden_bytes import golden
from tests.integration.ledger.world import World


def later(type_: str) -> Delivery:
    """Return an event of the version after the newest, with data of the first."""
    return Delivery(
        id="evt_1",
        type=type_,
        key="cb_1",
        data=golden(type_, 1),
        time=datetime(2026, 11, 22, tzinfo=UTC),
        traceparent=None,
        attempt=1,
        sequence=1,
        version=2,
    )


@pytest.mark.parametrize("type_", [CashbackApproved.TYPE, TokenMinted.TYPE])
async def test_the_ledger_refuses_a_version_that_it_does_not_know(world: World, type_: str) -> None:
    """Though its data would do: what a later version means by the same fields nobody here can tell."""
    handle = world.consumer.on_approved if type_ == CashbackApproved.TYPE else world.consumer.on_outcome
    async with world.worker.transaction() as tx:
        with pytest.raises(EventUnreadable, match="not in 2: upgrade, then replay"):
            await handle(tx, [later(type_)])


def test_minting_refuses_a_version_that_it_does_not_know() -> None:
    """Above all what is to be minted."""
    with pytest.raises(EventUnreadable, match="not in 2: upgrade, then replay"):
        to_request(later("token.mint.requested"))
