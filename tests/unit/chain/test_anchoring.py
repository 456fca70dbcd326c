"""Anchors: the call, and what can be published at all."""

import pytest

from cashback.chain.model import Anchor, AnchorInvalid
from cashback.chain.rules import anchoring


def test_the_call_names_root_and_place_and_carries_no_number() -> None:
    """Selector and two words."""
    call = anchoring.call(Anchor(b"\xab" * 32, 0x1234))
    assert call.calldata.hex() == "db2c4aca" + "ab" * 32 + "0" * 60 + "1234"
    assert (call.numbers, call.amount) == ((), 0)


@pytest.mark.parametrize("up_to", [1, 2**63 - 1])
def test_a_root_of_32_bytes_can_be_published_for_every_place(up_to: int) -> None:
    """From the first to the last that the database can hold."""
    anchoring.check(Anchor(bytes(32), up_to))


@pytest.mark.parametrize(
    "anchor,pointer",
    [
        (Anchor(bytes(31), 1), "root"),
        (Anchor(bytes(33), 1), "root"),
        (Anchor(bytes(32), 0), "up_to"),
        (Anchor(bytes(32), 2**63), "up_to"),
    ],
)
def test_what_no_evidence_has_is_refused_with_its_place(anchor: Anchor, pointer: str) -> None:
    """Before anything is looked up."""
    with pytest.raises(AnchorInvalid) as told:
        anchoring.check(anchor)
    assert told.value.fields == {"pointer": pointer}
