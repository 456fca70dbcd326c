"""Holding the evidence against the rows, one leaf and one seal at a time; the first difference is named."""

from collections.abc import Sequence

import msgspec

from cashback.ledger.model import Fault, Flaw, Leaf, Line, Seal
from cashback.ledger.rules.evidence import GENESIS, chained, content_of, seal_hash
from cashback.ledger.rules.merkle import root_of


def flaw_of_leaf(leaf: Leaf, line: Line | None, *, number: int, head: bytes) -> Flaw | None:
    """Return what is wrong with a leaf that should be `number` and follow the hash `head`, or None."""
    place = f"leaf {number}"
    if leaf.number != number:
        return Flaw(fault=Fault.LEAF_MISSING, place=place, expected="a leaf", found=f"leaf {leaf.number} is the next")
    place = f"leaf {number}, transfer {leaf.position}"
    if line is None:
        return Flaw(fault=Fault.ROW_MISSING, place=place, expected=leaf.content.decode(), found="no such transfer")
    if line.xact != leaf.xact:
        return Flaw(fault=Fault.ROW_CHANGED, place=f"{place}, xact", expected=str(leaf.xact), found=str(line.xact))
    content = content_of(line)
    if content != leaf.content:
        return _changed(place, leaf.content, content)
    following = chained(head, content)
    if leaf.hash != following:
        return Flaw(fault=Fault.CHAIN_BROKEN, place=place, expected=following.hex(), found=leaf.hash.hex())
    return None


def flaw_of_seal(
    seal: Seal, stored_hash: bytes, *, after: Seal | None, leaf_hashes: Sequence[bytes], head: bytes
) -> Flaw | None:
    """Return what is wrong with a seal over leaves of those hashes, the last of them chained as `head`, or None."""
    place = f"seal {seal.number}"
    root = root_of(leaf_hashes)
    if seal.root != root:
        return Flaw(fault=Fault.ROOT_WRONG, place=place, expected=root.hex(), found=seal.root.hex())
    if seal.head != head:
        return Flaw(fault=Fault.SEAL_BROKEN, place=f"{place}, head", expected=head.hex(), found=seal.head.hex())
    return flaw_of_link(seal, stored_hash, after=after)


def flaw_of_link(seal: Seal, stored_hash: bytes, *, after: Seal | None) -> Flaw | None:
    """Return what is wrong with a seal's link to the seal before it, or with its own hash, or None."""
    figures = (
        ("previous", GENESIS if after is None else seal_hash(after), seal.previous),
        ("hash", seal_hash(seal), stored_hash),
    )
    for name, expected, found in figures:
        if expected != found:
            place = f"seal {seal.number}, {name}"
            return Flaw(fault=Fault.SEAL_BROKEN, place=place, expected=expected.hex(), found=found.hex())
    return None


def flaw_of_place(seal: Seal, *, after: Seal | None) -> Flaw | None:
    """Return what is wrong with where a seal stands: each follows the one before without a gap."""
    number, first = (1, 1) if after is None else (after.number + 1, after.last_leaf + 1)
    if seal.number != number:
        return Flaw(
            fault=Fault.SEAL_MISSING, place=f"seal {number}", expected="a seal", found=f"seal {seal.number} is the next"
        )
    if seal.first_leaf != first:
        return Flaw(
            fault=Fault.SEAL_BROKEN, place=f"seal {number}, first_leaf", expected=str(first), found=str(seal.first_leaf)
        )
    return None


def _changed(place: str, stored: bytes, content: bytes) -> Flaw:
    """Return the first member in which a transfer differs from what was chained."""
    was, is_now = msgspec.json.decode(stored), msgspec.json.decode(content)
    name = next((name for name in is_now if is_now[name] != was.get(name)), "bytes")
    return Flaw(
        fault=Fault.ROW_CHANGED,
        place=f"{place}, {name}",
        expected=msgspec.json.encode(was.get(name)).decode(),
        found=msgspec.json.encode(is_now.get(name)).decode(),
    )
