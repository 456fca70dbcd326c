"""Who has signed, as the adapter judges it: for whoever must know that a person holds a wallet."""

from cashback.ledger.gateway import Adapter
from cashback.ledger.model import JudgedSignature


class Signatures:
    """Asks the adapter; never inside a transaction."""

    def __init__(self, adapter: Adapter) -> None:
        """Ask `adapter`."""
        self._adapter = adapter

    async def judge(self, address: str, digest: bytes, signature: bytes) -> JudgedSignature:
        """Return whether `address` has signed `digest`, 32 bytes, by its key or by the contract that stands there.

        Raises:
            SignatureMisshapen: the signature is longer than any wallet's, or no signature can be judged for this.
            AdapterUnavailable: nobody tells; that says nothing of the signature.
        """
        return await self._adapter.verify_signature(address, digest, signature)
