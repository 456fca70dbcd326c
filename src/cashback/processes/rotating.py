"""`cashback chain rotate`: one signer's lane taken out of service or back in, over gRPC, in a person's name."""

import re
from typing import Final

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import Address
from cashback.kernel.addresses import checksum_address
from cashback.kernel.config import HostPort
from cashback.kernel.errors import Invalid
from cashback.processes.tls import ClientTls

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the adapter is."""

    adapter_address: HostPort


async def set_lane(settings: Settings, signer: str, *, is_draining: bool, by: str, reason: str) -> bool:
    """Let a signer's lane only finish what it has, or take mints again; return whether that is news.

    Raises:
        Invalid: `signer` is no address, or its checksum says that a digit is wrong.
        AdapterUnavailable: the adapter did not answer; run it again.
        AdapterRefused: this caller may not, no lane has this signer, or no other lane would be left.
    """
    if not _ADDRESS.fullmatch(signer) or signer not in {signer.lower(), checksum_address(signer)}:
        raise Invalid("a signer is an address: 0x and 40 hexadecimal digits, in lower case or with its EIP-55 checksum")
    address = Address(bytes.fromhex(signer.removeprefix("0x")))
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        return await adapter.set_lane(address, is_draining=is_draining, by=by, reason=reason)
