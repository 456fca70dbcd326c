"""Contracts and signers that answer late: what happens meanwhile is up to a test."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.keys import Signer
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, Policy, Signature
from cashback.processes import adapter, signing

Meanwhile: TypeAlias = Callable[[], Awaitable[None]]


class SlowContracts(Contracts):
    """Contracts that are asked only after something else has happened: the process stood still in between."""

    def __init__(self, node: Node, *, settings: adapter.Settings, meanwhile: Meanwhile) -> None:
        """Let `meanwhile` happen before each question about the policy."""
        token, minter = signing.address(settings.token_address), signing.address(settings.minter_address)
        super().__init__(node, token=token, minter=minter)
        self._meanwhile = meanwhile

    async def policy(self, signer: Address) -> Policy:
        """Return the policy as it is afterwards."""
        await self._meanwhile()
        return await super().policy(signer)


class SlowSigner:
    """A signer that signs only after something else has happened, as a key in a service far away."""

    def __init__(self, signer: Signer, meanwhile: Meanwhile) -> None:
        """Let `meanwhile` happen before each signature."""
        self.address = signer.address
        self._signer = signer
        self._meanwhile = meanwhile

    async def sign(self, digest: bytes) -> Signature:
        """Return the signature, late."""
        await self._meanwhile()
        return await self._signer.sign(digest)
