"""Checking a proof: pure arithmetic over the file, with no word of ours to be believed.

Given that each root stands on the chain, the lines stood in the books when it was published, as they are.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from cashback.ledger.model import Seal
from cashback.ledger.model.evidence import ProofInvalid
from cashback.ledger.model.proofs import PROOF_FORMAT, CashbackProof, ProofStretch, Proved, ProvedAnchor, ProvedLine
from cashback.ledger.rules.evidence import seal_bytes
from cashback.ledger.rules.merkle import leaf_hash, root_by_path

PROOF_BYTES_MAX: Final = 64 * 1024 * 1024


def read_proof(document: bytes) -> CashbackProof:
    """Return the proof that a file holds.

    Raises:
        ProofInvalid: it holds none.
    """
    if len(document) > PROOF_BYTES_MAX:
        raise ProofInvalid(f"a proof has at most {PROOF_BYTES_MAX} bytes", pointer="")
    try:
        proof = msgspec.json.decode(document, type=CashbackProof)
    except msgspec.DecodeError as cause:
        raise ProofInvalid(f"this is no proof: {cause}", pointer="") from cause
    if proof.format != PROOF_FORMAT:
        raise ProofInvalid(f"the format is not {PROOF_FORMAT}", pointer="/format")
    return proof


def check_proof(proof: CashbackProof) -> Proved:
    """Return what `proof` proves.

    Raises:
        ProofInvalid: it proves nothing; `pointer` (RFC 6901) names the place where it breaks.
    """
    seals: dict[int, Seal] = {}
    stretch_of: dict[int, int] = {}
    for place, stretch in enumerate(proof.stretches):
        for seal in _check_stretch(stretch, pointer=f"/stretches/{place}"):
            seals[seal.number] = seal
            stretch_of[seal.number] = place
    if not proof.lines:
        raise ProofInvalid("there is no line to be proved", pointer="/lines")
    lines, counts, seen = [], [0] * len(proof.stretches), set()
    for place, line in enumerate(proof.lines):
        pointer = f"/lines/{place}"
        lines.append(_check_line(line, proof.cashback_id, seals, pointer=pointer))
        if line.leaf in seen:
            raise ProofInvalid("this leaf was there already", pointer=f"{pointer}/leaf")
        seen.add(line.leaf)
        counts[stretch_of[int(line.seal)]] += 1
    anchors = [_anchor(stretch, lines=count) for stretch, count in zip(proof.stretches, counts, strict=True)]
    return Proved(cashback_id=proof.cashback_id, lines=lines, anchors=anchors)


def _check_stretch(stretch: ProofStretch, *, pointer: str) -> list[Seal]:
    """Return the seals of a stretch, each chained to the one before, the last one anchored if any is.

    Raises:
        ProofInvalid: they are not.
    """
    seals: list[Seal] = []
    hash_ = b""
    for place, text in enumerate(stretch.seals):
        seal = _seal(text, pointer=f"{pointer}/seals/{place}")
        if seals and (seal.previous, seal.number) != (hash_, seals[-1].number + 1):
            raise ProofInvalid("this seal does not follow the one before", pointer=f"{pointer}/seals/{place}")
        hash_ = sha256(text.encode()).digest()
        seals.append(seal)
    if not seals:
        raise ProofInvalid("there is no seal", pointer=f"{pointer}/seals")
    anchor = stretch.anchor
    if anchor is not None and (anchor.root, anchor.up_to) != (hash_.hex(), str(seals[-1].last_leaf)):
        raise ProofInvalid("what is anchored is not the last seal", pointer=f"{pointer}/anchor")
    return seals


def _check_line(line: ProvedLine, cashback_id: str, seals: Mapping[int, Seal], *, pointer: str) -> dict[str, object]:
    """Return the members of a line whose path leads to the root of its seal.

    Raises:
        ProofInvalid: it does not, or the line is of another cashback.
    """
    seal = seals.get(_number(line.seal, pointer=f"{pointer}/seal"))
    if seal is None:
        raise ProofInvalid("there is no such seal in the proof", pointer=f"{pointer}/seal")
    content = line.content.encode()
    path = [_hash(text, pointer=f"{pointer}/path/{place}") for place, text in enumerate(line.path)]
    root = root_by_path(
        leaf_hash(content),
        index=_number(line.leaf, pointer=f"{pointer}/leaf") - seal.first_leaf,
        size=seal.last_leaf - seal.first_leaf + 1,
        path=path,
    )
    if root != seal.root:
        raise ProofInvalid("the path does not lead to the root of the seal", pointer=f"{pointer}/path")
    members: dict[str, object] = _object(line.content, pointer=f"{pointer}/content")
    if members.get("cashback_id") != cashback_id:
        raise ProofInvalid("this line is of another cashback", pointer=f"{pointer}/content")
    return members


def _anchor(stretch: ProofStretch, *, lines: int) -> ProvedAnchor:
    """Return what the lines under a sound stretch come down to."""
    last, anchor = stretch.seals[-1], stretch.anchor
    return ProvedAnchor(
        root=sha256(last.encode()).hexdigest(),
        up_to=str(_object(last, pointer="")["last_leaf"]),
        lines=lines,
        transaction_hash=anchor.transaction_hash if anchor else None,
        minter=anchor.minter if anchor else None,
        is_anchored=anchor is not None,
    )


def _seal(text: str, *, pointer: str) -> Seal:
    """Return the seal of those bytes.

    Raises:
        ProofInvalid: they are not the bytes of a seal.
    """
    members = _object(text, pointer=pointer)
    try:
        seal = Seal(
            number=int(members["number"]),
            first_leaf=int(members["first_leaf"]),
            last_leaf=int(members["last_leaf"]),
            root=bytes.fromhex(members["root"]),
            head=bytes.fromhex(members["head"]),
            previous=bytes.fromhex(members["previous"]),
            sealed_at=msgspec.convert(members["sealed_at"], type=Seal.__annotations__["sealed_at"]),
        )
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as cause:
        raise ProofInvalid("this is no seal", pointer=pointer) from cause
    # Only what we would write ourselves: another spelling would have another hash, and might say something else.
    if seal_bytes(seal) != text.encode():
        raise ProofInvalid("this is not how a seal is written", pointer=pointer)
    return seal


def _object(text: str, *, pointer: str) -> dict[str, Any]:
    """Return the members of a JSON object.

    Raises:
        ProofInvalid: the text is none.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as cause:
        raise ProofInvalid("this is no JSON object", pointer=pointer) from cause


def _number(text: str, *, pointer: str) -> int:
    """Return a whole number.

    Raises:
        ProofInvalid: the text is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 19):  # noqa: PLR2004  # the digits of 2^63
        raise ProofInvalid("this is no whole number", pointer=pointer)
    return int(text)


def _hash(text: str, *, pointer: str) -> bytes:
    """Return a hash.

    Raises:
        ProofInvalid: the text is none.
    """
    try:
        return bytes.fromhex(text)
    except ValueError as cause:
        raise ProofInvalid("this is no hash", pointer=pointer) from cause
