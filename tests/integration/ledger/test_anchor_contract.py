"""What the ledger relies on when it has evidence anchored, kept by the fake adapter as by the real one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cashback.ledger.gateway import Adapter
from cashback.ledger.model import AnchorRefused, ChainAnchor, LatestAnchors
from cashback.processes.embedded import HOST
from tests.integration.minting.subjects import Subject, a_fake, a_real_one
from tests.support.facts import eventually
from tests.support.servers import Databases

WITHIN_S = 30.0


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, databases: Databases, anvil_program: Path) -> Iterator[Subject]:
    """Give the real adapter."""
    with a_real_one(tmp_path_factory.mktemp("adapter"), databases, program=anvil_program) as subject:
        yield subject


@pytest.fixture(params=["fake", "real"])
def chosen(request: pytest.FixtureRequest) -> Subject | None:
    """Give the real adapter, or None for the fake, which lives in the test's own event loop."""
    found: Subject | None = request.getfixturevalue("real") if request.param == "real" else None
    return found


@pytest.fixture
async def subject(chosen: Subject | None) -> AsyncIterator[Subject]:
    """Give each of the two adapters."""
    if chosen is not None:
        yield chosen
        return
    async with a_fake() as fake:
        yield fake


async def test_an_anchor_is_accepted_once_and_told_until_it_is_final(subject: Subject) -> None:
    """A root for a place; another one there, or a place behind, is refused with its reason, and changes nothing."""
    async with Adapter.open(f"{HOST}:{subject.port}") as adapter:
        assert await adapter.latest_anchor() == LatestAnchors(None, None)
        first = await adapter.anchor(b"\x01" * 32, 10)
        assert (first.root, first.up_to) == (b"\x01" * 32, 10)
        refused = {(b"\x02" * 32, 10): "anchor_conflicts", (b"\x03" * 32, 9): "anchor_behind"}
        refused |= {(b"short", 11): "anchor_invalid", (b"\x04" * 32, 0): "anchor_invalid"}
        for (root, up_to), reason in refused.items():
            with pytest.raises(AnchorRefused) as told:
                await adapter.anchor(root, up_to)
            assert told.value.fields == {"reason": reason}

        async def look() -> ChainAnchor | None:
            await subject.advance()
            return (await adapter.latest_anchor()).final

        final = await eventually(look, within_s=WITHIN_S, what="the anchor is final")
        assert (final.root, final.up_to, final.state) == (b"\x01" * 32, 10, "final")
        assert None not in (final.transaction_hash, final.block_number, final.block_hash, final.minter)
        assert await adapter.anchor(b"\x01" * 32, 10) == final
        later = await adapter.anchor(b"\x05" * 32, 20)
        latest = await adapter.latest_anchor()
        assert latest.newest is not None
        assert (latest.newest.up_to, latest.final, later.up_to) == (20, final, 20)
