"""Signatures of people's wallets, as the blockchain adapter judges them."""

from enum import StrEnum

import msgspec

from cashback.kernel.errors import Invalid


class SignatureVerdict(StrEnum):
    """Who has signed: the address's own key, the contract at the address (ERC-1271), or neither of them."""

    OWNER = "owner"
    CONTRACT = "contract"
    INVALID = "invalid"


class JudgedSignature(msgspec.Struct, frozen=True):
    """A verdict, the chain on which it holds, and the block at which the address was asked; None: it needed none."""

    verdict: SignatureVerdict
    chain_id: int
    block_number: int | None


class SignatureMisshapen(Invalid):
    """An address is none, a digest is not 32 bytes, or a signature is longer than any wallet's: nobody can judge it."""

    code = "signature_misshapen"
