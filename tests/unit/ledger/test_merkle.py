"""Merkle trees as RFC 9162 draws them."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.ledger.rules.merkle import leaf_hash, paths_of, root_by_path, root_of

# The leaves and roots of Certificate Transparency's own reference tests, for trees of one to eight leaves.
CONTENTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
contents = st.lists(st.binary(max_size=12), min_size=1, max_size=70)


@pytest.mark.parametrize("size", range(1, len(ROOTS) + 1))
def test_roots_are_those_of_the_reference(size: int) -> None:
    """Of Certificate Transparency, whose trees these are."""
    assert root_of([leaf_hash(content) for content in CONTENTS[:size]]).hex() == ROOTS[size - 1]


@given(contents)
def test_every_leaf_has_a_path_to_the_root(contents: list[bytes]) -> None:
    """And the path is no longer than the logarithm of the tree's size."""
    leaves = [leaf_hash(content) for content in contents]
    paths = paths_of(leaves, set(range(len(leaves))))
    for index, leaf in enumerate(leaves):
        path = paths[index]
        assert paths_of(leaves, {index}) == {index: path}
        assert root_by_path(leaf, index=index, size=len(leaves), path=path) == root_of(leaves)
        assert len(path) <= (len(leaves) - 1).bit_length()


@given(contents, st.data())
def test_no_path_leads_from_elsewhere_to_the_root(contents: list[bytes], data: st.DataObject) -> None:
    """Another leaf, another place or another sibling ends at another root, or nowhere."""
    leaves = [leaf_hash(content) for content in contents]
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = paths_of(leaves, {index})[index], root_of(leaves)
    stranger = leaf_hash(b"a content that is longer than any")
    assert root_by_path(stranger, index=index, size=len(leaves), path=path) != root
    assert root_by_path(leaves[index], index=len(leaves), size=len(leaves), path=path) is None
    assert root_by_path(leaves[index], index=index, size=len(leaves), path=[*path, root]) is None
    for place in range(len(path)):
        bent = [*path[:place], stranger, *path[place + 1 :]]
        assert root_by_path(leaves[index], index=index, size=len(leaves), path=bent) != root


def test_the_inside_of_a_tree_is_no_leaf() -> None:
    """A node's two halves presented as a leaf's content hash to something else (second preimage)."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != root_of([left, right])
    assert root_of([left, right]) == sha256(b"\x01" + left + right).digest()
