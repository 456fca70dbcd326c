"""Merkle trees as in RFC 9162, section 2.1: SHA-256, leaves hashed behind 0x00 and nodes behind 0x01.

The prefixes keep leaves and nodes apart: nobody can present the inside of a tree as a leaf. A list of n splits at the
largest power of two below n, so no leaf is ever hashed twice to fill a tree up.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf's content."""
    return sha256(b"\x00" + content).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over the hashes of at least one leaf.

    >>> root_of([leaf_hash(b"")]).hex()[:16]
    '6e340b9cffb37a98'
    """
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return _node(root_of(leaves[:split]), root_of(leaves[split:]))


def paths_of(leaves: Sequence[bytes], wanted: AbstractSet[int]) -> dict[int, list[bytes]]:
    """Return the sibling hashes that lead from each wanted leaf, by its index from 0 on, up to the root.

    Every node is hashed once, however many paths are wanted.
    """
    return _climb(leaves, 0, wanted)[1]


def root_by_path(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to from a leaf of a tree of `size`; None when no such path can exist.

    The algorithm of RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    place, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = _node(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = _node(found, sibling)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None


def _climb(leaves: Sequence[bytes], first: int, wanted: AbstractSet[int]) -> tuple[bytes, dict[int, list[bytes]]]:
    """Return the root over leaves of which the first has the index `first`, and the paths up to it."""
    if len(leaves) == 1:
        return leaves[0], {first: []} if first in wanted else {}
    split = _split(len(leaves))
    left, lefts = _climb(leaves[:split], first, wanted)
    right, rights = _climb(leaves[split:], first + split, wanted)
    for path in lefts.values():
        path.append(right)
    for path in rights.values():
        path.append(left)
    return _node(left, right), lefts | rights


def _node(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """Return the largest power of two below a `size` of at least 2."""
    return 1 << (size - 1).bit_length() - 1
