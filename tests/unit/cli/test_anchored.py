"""What the command line shows of the last anchor."""

import msgspec
import pytest

from cashback.chain.model import AnchorView, LatestAnchors
from cashback.cli import command, ledger, standing
from cashback.ledger.model import Checked
from cashback.processes import evidence
from cashback.processes.chain_status import Standing
from tests.unit.cli.test_held import VIEW

FINAL = AnchorView(
    up_to=2**62,
    state="final",
    root=b"\xab" * 32,
    transaction_hash=b"\x01" * 32,
    block_number=90,
    block_hash=b"\x02" * 32,
    minter=b"\x03" * 20,
)
WAITING = AnchorView(up_to=2**62 + 1, state="accepted", root=b"\xcd" * 32)


@pytest.mark.parametrize(
    "anchors,told",
    [
        (LatestAnchors(None, None), "none"),
        (LatestAnchors(WAITING, None), f"up to {2**62 + 1:,}: accepted; final up to nothing"),
        (LatestAnchors(FINAL, FINAL), f"up to {2**62:,}: final in block 90"),
        (LatestAnchors(WAITING, FINAL), f"up to {2**62 + 1:,}: accepted; final up to {2**62:,}"),
    ],
)
def test_the_standing_says_up_to_where_evidence_is_anchored(
    anchors: LatestAnchors, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is final, and how far the newest one is."""
    standing.show(Standing(msgspec.structs.replace(VIEW, anchors=anchors), []))
    [line] = [one for one in capsys.readouterr().out.splitlines() if "last anchor" in one]
    assert line.partition("last anchor")[2].strip() == told


def test_for_a_program_an_anchor_is_a_record_with_a_place_for_a_string() -> None:
    """Readers of JSON round large numbers; what is not reached is nothing."""
    view = msgspec.structs.replace(VIEW, anchors=LatestAnchors(WAITING, FINAL))
    assert standing.document(Standing(view, []))["anchors"] == {
        "newest": {
            "up_to": str(2**62 + 1),
            "root": "0x" + "cd" * 32,
            "state": "accepted",
            "transaction_hash": None,
            "block_number": None,
            "block_hash": None,
            "minter": None,
            "reason": None,
        },
        "final": {
            "up_to": str(2**62),
            "root": "0x" + "ab" * 32,
            "state": "final",
            "transaction_hash": "0x" + "01" * 32,
            "block_number": 90,
            "block_hash": "0x" + "02" * 32,
            "minter": "0x0303030303030303030303030303030303030303",
            "reason": None,
        },
    }


@pytest.mark.parametrize(
    "node, told",
    [
        (("--rpc-url", "http://127.0.0.1:1", "--minter", "0x" + "11" * 20), "0"),
        ((), "not asked for on the chain: --rpc-url and --minter do"),
    ],
)
def test_no_anchor_is_told_only_where_the_chain_was_asked(
    node: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """None found there and none looked for are two answers."""

    async def check(*_: object, **__: object) -> Checked:
        """Check, with what the test gives."""
        return Checked(leaves=5, seals=1, sealed_to=5, waiting=0, anchors=0, flaw=None)

    monkeypatch.setattr(ledger, "load", lambda _: None)
    monkeypatch.setattr(evidence, "verify", check)
    assert command.run(["ledger", "verify", *node]) == 0
    [line] = [one for one in capsys.readouterr().out.splitlines() if "anchors" in one]
    assert line.partition("anchors")[2].strip() == told
