"""Signatures of a key service for any key and digest: read strictly, brought to the low half, known from others'."""

import asyncio

import pytest
from coincurve import PrivateKey
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cashback.chain.gateway.der import ORDER, low_numbers, point, signature
from cashback.chain.gateway.keys import LocalKey
from tests.support.kms import StandInKey, der, numbers, signed_as_the_service_does

SECRETS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32))
DIGESTS = st.binary(min_size=32, max_size=32)
NUMBERS = st.one_of(
    st.integers(1, ORDER - 1),
    st.integers(1, 2**200),  # leading zeros
    st.sampled_from([1, 127, 128, 255, 256, 2**255 - 1, 2**255, ORDER // 2, ORDER // 2 + 1, ORDER - 1]),
)


@given(SECRETS, DIGESTS, st.booleans())
def test_a_signature_of_the_service_becomes_one_that_the_chain_takes(
    secret: bytes, digest: bytes, is_high: bool
) -> None:
    """Whichever half its s is in: low s, and the parity by which everybody recovers the key's own address."""
    private = PrivateKey(secret)
    public = private.public_key.format(compressed=False)
    found = signature(signed_as_the_service_does(private, digest, is_high=is_high), digest=digest, public=public)
    assert 0 < found.s <= ORDER // 2
    raw = found.r.to_bytes(32) + found.s.to_bytes(32) + bytes([found.y_parity])
    assert (
        type(private.public_key).from_signature_and_message(raw, digest, hasher=None).format(compressed=False) == public
    )


@given(SECRETS, DIGESTS, st.booleans())
def test_it_is_the_signature_that_a_key_in_memory_gives_for_the_same_nonce(
    secret: bytes, digest: bytes, is_high: bool
) -> None:
    """The same r, s and parity as of the deterministic one, out of its DER in either half."""
    private = PrivateKey(secret)
    r, s = numbers(private.sign(digest, hasher=None))
    told = der(r, ORDER - s if is_high else s)
    public = private.public_key.format(compressed=False)
    assert signature(told, digest=digest, public=public) == asyncio.run(LocalKey(secret).sign(digest))


@given(SECRETS, SECRETS, DIGESTS)
@example((1).to_bytes(32), (2).to_bytes(32), bytes(32))
def test_a_signature_of_another_key_or_of_another_digest_is_refused(one: bytes, other: bytes, digest: bytes) -> None:
    """It would be somebody else's transaction, or nobody's.

    Keys that are each other's negative sign the number zero alike, which no transaction hashes to.
    """
    is_zero = int.from_bytes(digest) % ORDER == 0
    assume(not is_zero or int.from_bytes(one) + int.from_bytes(other) != ORDER)
    public = PrivateKey(one).public_key.format(compressed=False)
    foreign = signed_as_the_service_does(PrivateKey(other), digest, is_high=False)
    elsewhere = signed_as_the_service_does(PrivateKey(one), bytes([digest[0] ^ 1]) + digest[1:], is_high=False)
    for told in [elsewhere] if one == other else [foreign, elsewhere]:
        with pytest.raises(ValueError, match="another key"):
            signature(told, digest=digest, public=public)


@given(NUMBERS, NUMBERS)
def test_any_two_numbers_are_read_as_they_were_written(r: int, s: int) -> None:
    """However many zeros they begin with; s comes out of the lower half."""
    assert low_numbers(der(r, s)) == (r, min(s, ORDER - s))


@given(NUMBERS, NUMBERS, st.data())
def test_what_is_cut_off_or_followed_by_more_is_refused(r: int, s: int, data: st.DataObject) -> None:
    """Never half of an answer for a whole one."""
    whole = der(r, s)
    cut = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:cut], whole + b"\0"):
        with pytest.raises(ValueError, match="no "):
            low_numbers(wrong)


@given(st.binary(max_size=80))
def test_bytes_are_a_signature_only_as_der_writes_it(noise: bytes) -> None:
    """Whatever is read without an error is, written again, the same bytes but for the half of s."""
    try:
        r, s = low_numbers(noise)
    except ValueError:
        return
    assert noise in {der(r, s), der(r, ORDER - s)}


@given(SECRETS)
def test_a_public_key_is_read_and_nothing_like_it(secret: bytes) -> None:
    """Neither cut off, nor longer, nor compressed, nor on another curve."""
    key = StandInKey("k", secret=secret, spec="", usage="")
    public = key.private.public_key.format(compressed=False)
    assert point(key.spki) == public
    other_curve = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + public
    compressed = key.spki[:-65] + key.private.public_key.format()
    for wrong in (key.spki[:-1], key.spki + b"\0", b"", other_curve, compressed, key.spki[:-65] + b"\2" + public[1:]):
        with pytest.raises(ValueError, match="no public key"):
            point(wrong)
