"""The bytes that stand for a transfer and for a seal, and how they are chained; the same rows give the same bytes.

Bytes are canonical JSON (RFC 8785): keys in order, no blanks, whole numbers as strings.

    leaf i:  h(i) = SHA-256(h(i-1) || SHA-256(bytes of i)),  h(0) = 32 zero bytes
    seal k:  H(k) = SHA-256(bytes of k), which hold the Merkle root, h(last leaf) and H(k-1);  H(0) = 32 zero bytes
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec

from cashback.ledger.model import Leaf, Line, Seal, Side
from cashback.ledger.rules.merkle import leaf_hash, root_of

FORMAT: Final = "1"
"""Changes with every change of the bytes below; what was sealed keeps its own."""

GENESIS: Final = bytes(32)
"""What the first leaf and the first seal are chained to."""

_encoder: Final = msgspec.json.Encoder(order="sorted")


def content_of(line: Line) -> bytes:
    """Return the canonical bytes of a transfer."""
    return _encoder.encode(
        {
            "amount": str(line.amount),
            "at": _instant(line.at),
            "cashback_id": line.cashback_id,
            "cause": line.cause,
            "credit": _side(line.credit),
            "currency": line.currency,
            "debit": _side(line.debit),
            "decision_sha256": None if line.decision is None else line.decision.hex(),
            "effective_at": None if line.effective_at is None else _instant(line.effective_at),
            "format": FORMAT,
            "position": str(line.position),
        }
    )


def chained(previous: bytes, content: bytes) -> bytes:
    """Return the hash that chains a leaf's content to the leaf before."""
    return sha256(previous + sha256(content).digest()).digest()


def leaves_of(lines: Sequence[Line], *, after: int, head: bytes) -> list[Leaf]:
    """Return a leaf for each transfer, in their order, chained to the leaf number `after` whose hash is `head`."""
    leaves = []
    for number, line in enumerate(lines, after + 1):
        content = content_of(line)
        head = chained(head, content)
        leaves.append(Leaf(number=number, xact=line.xact, position=line.position, content=content, hash=head))
    return leaves


def sealed(leaves: Sequence[Leaf], *, after: Seal | None, at: datetime) -> Seal:
    """Return the seal over consecutive leaves, at least one, chained to the seal before them."""
    return Seal(
        number=1 if after is None else after.number + 1,
        first_leaf=leaves[0].number,
        last_leaf=leaves[-1].number,
        root=root_of([leaf_hash(leaf.content) for leaf in leaves]),
        head=leaves[-1].hash,
        previous=GENESIS if after is None else seal_hash(after),
        sealed_at=at,
    )


def seal_bytes(seal: Seal) -> bytes:
    """Return the canonical bytes of a seal."""
    return _encoder.encode(
        {
            "first_leaf": str(seal.first_leaf),
            "format": FORMAT,
            "head": seal.head.hex(),
            "last_leaf": str(seal.last_leaf),
            "number": str(seal.number),
            "previous": seal.previous.hex(),
            "root": seal.root.hex(),
            "sealed_at": _instant(seal.sealed_at),
        }
    )


def seal_hash(seal: Seal) -> bytes:
    """Return the hash of a seal: what the next one holds, and what is anchored on the chain."""
    return sha256(seal_bytes(seal)).digest()


def _side(side: Side) -> dict[str, str]:
    """Return one account of a transfer for its bytes."""
    return {
        "account": str(side.account),
        "balance_after": str(side.balance_after),
        "kind": side.kind,
        "owner": side.owner,
    }


def _instant(instant: datetime) -> str:
    """Return an instant in RFC 3339, in UTC and with the microseconds that the database keeps."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
