"""Judging signatures: whether an account has signed a digest, by its key or by its contract; nothing is stored.

    lengths ──▶ the key's own? ──yes──▶ owner, with no node asked
                      └──no──▶ the contract at the address (none takes nothing) ──▶ contract | invalid

The key comes first: an address that has delegated to code (EIP-7702) still signs by itself, and does so while nodes are
away. That nobody can be asked is a failure and never a verdict.
"""

from typing import Final

from cashback.chain.gateway.signatures import WalletContracts
from cashback.chain.model import Address, Judgement, JudgesBusy
from cashback.chain.rules import signatures

CONTRACTS_AT_ONCE_MAX: Final = 4
"""Of the sixteen requests that an endpoint is asked at once: lanes and the follower keep the others."""


class Judging:
    """Tells who has signed; may be asked again at any time."""

    def __init__(self, wallets: WalletContracts, *, chain_id: int) -> None:
        """Ask `wallets`, which are contracts on this chain."""
        self._wallets = wallets
        self._chain_id = chain_id
        self._asking = 0

    async def judge(self, account: Address, digest: bytes, signature: bytes) -> Judgement:
        """Return whether `account` has signed `digest`.

        Raises:
            SignatureMisshapen: one of the three is of another length than it may be.
            JudgesBusy: its contract would have to be asked, and `CONTRACTS_AT_ONCE_MAX` others are being asked.
            ChainUnavailable: its contract would have to be asked, and no quorum of endpoints says the same of it.
        """
        signatures.check(account, digest, signature)
        if signatures.signer(digest, signature) == account:
            return Judgement("owner", self._chain_id)
        if self._asking >= CONTRACTS_AT_ONCE_MAX:
            raise JudgesBusy(f"{CONTRACTS_AT_ONCE_MAX} contracts are being asked about signatures; ask again")
        self._asking += 1
        try:
            is_taken, block_number = await self._wallets.take(account, digest, signature)
        finally:
            self._asking -= 1
        return Judgement("contract" if is_taken else "invalid", self._chain_id, block_number)
