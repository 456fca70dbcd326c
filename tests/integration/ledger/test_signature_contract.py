"""What the ledger relies on when it asks who has signed, kept by the fake adapter as by the real one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from cashback.kernel.addresses import address_text
from cashback.ledger.gateway import SIGNATURE_BYTES_MAX, Adapter
from cashback.ledger.model import JudgedSignature, SignatureMisshapen, SignatureVerdict
from cashback.processes.embedded import CHAIN_ID, HOST
from cashback.wire.answers import ReasonCodec, reason_of
from cashback.wire.cashback.chain.v1 import ChainAdapterServiceStub, VerifySignatureRequest
from tests.integration.minting.subjects import Subject, a_fake, a_real_one
from tests.support.servers import Databases

MESSAGE: Final = "I want what I have earned at this address."
OWNER: Final = JudgedSignature(SignatureVerdict.OWNER, CHAIN_ID, None)
KEY: Final = b"\x11" * 32
ANOTHER_KEY: Final = b"\x22" * 32
ADDRESS: Final = "0x" + "ab" * 20
MISSHAPEN: Final = [(bytes(31), b""), (bytes(32), bytes(SIGNATURE_BYTES_MAX + 1))]


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


@pytest.fixture
async def adapter(subject: Subject) -> AsyncIterator[Adapter]:
    """Give the way to it."""
    async with Adapter.open(f"{HOST}:{subject.port}") as opened:
        yield opened


def signed(key: bytes) -> tuple[str, bytes, bytes]:
    """Return the address of a key, the digest of the message, and the key's signature of it."""
    made = Account.sign_message(encode_defunct(text=MESSAGE), key)
    return str(Account.from_key(key).address), bytes(made.message_hash), bytes(made.signature)


def forms_of(signature: bytes) -> list[bytes]:
    """Return a signature in every form that wallets give it: v, the parity itself, and the short one."""
    parity = signature[64] - 27
    short = (int.from_bytes(signature[32:64]) | parity << 255).to_bytes(32)
    return [signature, signature[:64] + bytes([parity]), signature[:32] + short]


async def test_a_key_has_signed_in_whatever_form_its_wallet_tells_it(adapter: Adapter) -> None:
    """No block is told, since none was asked."""
    address, digest, signature = signed(KEY)
    told = [await adapter.verify_signature(address, digest, form) for form in forms_of(signature)]
    assert told == [OWNER] * 3


async def test_what_another_key_or_nobody_signed_is_invalid(adapter: Adapter) -> None:
    """Nor is a good signature of another digest one; the chain is told all the same."""
    address, digest, signature = signed(KEY)
    _, _, foreign = signed(ANOTHER_KEY)
    for one, its_digest in ((foreign, digest), (signature, bytes(32)), (b"", digest), (b"\xff" * 65, digest)):
        judged = await adapter.verify_signature(address, its_digest, one)
        assert (judged.verdict, judged.chain_id) == (SignatureVerdict.INVALID, CHAIN_ID)
        assert judged.block_number is not None


async def test_a_contract_takes_what_its_owner_signed_and_nothing_else(adapter: Adapter, subject: Subject) -> None:
    """At a block that is told."""
    owner, digest, signature = signed(KEY)
    wallet = address_text(await subject.wallet_of(bytes.fromhex(owner[2:])))
    taken = await adapter.verify_signature(wallet, digest, signature)
    assert (taken.verdict, taken.chain_id) == (SignatureVerdict.CONTRACT, CHAIN_ID)
    assert taken.block_number
    _, _, foreign = signed(ANOTHER_KEY)
    refused = [await adapter.verify_signature(wallet, digest, one) for one in (foreign, b"")]
    assert {one.verdict for one in refused} == {SignatureVerdict.INVALID}


@pytest.mark.parametrize("address", [ADDRESS[2:], f"{ADDRESS}ab", "0xab", "somebody", f"0x{' ab' * 20}"])
async def test_what_is_no_address_is_a_mistake_of_the_callers(adapter: Adapter, address: str) -> None:
    """Be it a person's, who wrote it down wrongly: it is no verdict, and nobody's failure."""
    with pytest.raises(SignatureMisshapen):
        await adapter.verify_signature(address, bytes(32), b"")


@pytest.mark.parametrize("digest, signature", MISSHAPEN)
async def test_what_cannot_be_judged_is_a_mistake_of_the_callers(
    adapter: Adapter, digest: bytes, signature: bytes
) -> None:
    """Asking again would not help; as long as it may be it is judged."""
    with pytest.raises(SignatureMisshapen):
        await adapter.verify_signature(ADDRESS, digest, signature)
    longest = await adapter.verify_signature(ADDRESS, bytes(32), bytes(SIGNATURE_BYTES_MAX))
    assert longest.verdict == SignatureVerdict.INVALID


@pytest.mark.parametrize("digest, signature", MISSHAPEN)
async def test_an_adapter_refuses_what_cannot_be_judged(subject: Subject, digest: bytes, signature: bytes) -> None:
    """Whatever its caller has looked at; by a code that says which mistake it was."""
    request = VerifySignatureRequest(address=bytes.fromhex(ADDRESS[2:]), digest=digest, signature=signature)
    async with Channel(HOST, subject.port, status_details_codec=ReasonCodec()) as channel:
        with pytest.raises(GRPCError) as refusal:
            await ChainAdapterServiceStub(channel).verify_signature(request)
    assert (refusal.value.status, reason_of(refusal.value)) == (Status.INVALID_ARGUMENT, SignatureMisshapen.code)
