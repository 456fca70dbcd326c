"""DER of key services, beside what another program writes, and every way to write it wrongly."""

import subprocess
from pathlib import Path

import pytest

from cashback.chain.gateway.der import ORDER, low_numbers, point, signature
from tests.support.kms import der

DIGEST = bytes(range(32))


def openssl(*words: str) -> None:
    """Run the program."""
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def test_keys_and_signatures_of_openssl_are_read(tmp_path: Path) -> None:
    """Made without a line of ours, s in whichever half."""
    key, public, digest, signed = (tmp_path / name for name in ("key", "public", "digest", "signed"))
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-out", str(key))
    openssl("pkey", "-in", str(key), "-pubout", "-outform", "DER", "-out", str(public))
    digest.write_bytes(DIGEST)
    for _ in range(8):
        openssl("pkeyutl", "-sign", "-inkey", str(key), "-in", str(digest), "-out", str(signed))
        assert signature(signed.read_bytes(), digest=DIGEST, public=point(public.read_bytes())).s <= ORDER // 2


def test_a_key_of_openssl_on_another_curve_is_refused(tmp_path: Path) -> None:
    """The curve is named in the bytes."""
    key, public = tmp_path / "key", tmp_path / "public"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", str(key))
    openssl("pkey", "-in", str(key), "-pubout", "-outform", "DER", "-out", str(public))
    with pytest.raises(ValueError, match="no public key on secp256k1"):
        point(public.read_bytes())


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\x30",
        b"\x31\x06\x02\x01\x01\x02\x01\x01",
        b"\x30\x07\x02\x01\x01\x02\x01\x01",
        b"\x30\x05\x02\x01\x01\x02\x01\x01",
        b"\x30\x81\x06\x02\x01\x01\x02\x01\x01",
        b"\x30\x80\x02\x01\x01\x02\x01\x01\x00\x00",
        b"\x30\x06\x03\x01\x01\x02\x01\x01",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x05\x02\x00\x02\x01\x01",
        b"\x30\x07\x02\x02\x00\x01\x02\x01\x01",
        b"\x30\x06\x02\x01\x81\x02\x01\x01",
        b"\x30\x06\x02\x01\x01\x02\x02\x01",
        b"\x30\x09\x02\x01\x01\x02\x01\x01\x02\x01\x01",
        der(0, 1),
        der(1, 0),
        der(ORDER, 1),
        der(1, ORDER),
        der(1 << 264, 1),
    ],
    ids=[
        "nothing", "a tag", "a set", "too long", "too short", "length in long form", "no length", "a bit string", "one",
        "no digits", "a zero too many", "negative", "cut off", "three", "r is 0", "s is 0", "r too high", "s too high",
        "34 bytes",
    ],
)  # fmt: skip
def test_what_is_no_signature_in_der_is_refused(wrong: bytes) -> None:
    """There is one way to write each, and no other is guessed at."""
    with pytest.raises(ValueError, match="no "):
        low_numbers(wrong)
