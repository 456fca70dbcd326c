"""The chain of a running demo, reached past everybody: to see that a planted difference is found."""

import json
import urllib.request
from typing import Final

import msgspec

from cashback.processes.embedded import eventually, listening_ports
from tests.integration.cli.launch import WITHIN_S, Launched

TOKEN: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
"""Where the first contract of a development chain's first account always stands."""

_SET_LIMIT: Final = "0x3d26a243"
_TOTAL_SUPPLY: Final = "0x18160ddd"
_SLOTS_MAX: Final = 32


class Chain(msgspec.Struct, frozen=True):
    """A development chain by the port it listens on."""

    port: int

    def total_supply(self) -> int:
        """Return the token's supply, 0 before the token stands."""
        return int(str(self._ask("eth_call", {"to": TOKEN, "data": _TOTAL_SUPPLY}, "latest")), 16)

    def plant_supply(self, more: int) -> None:
        """Have the token say that there is so much more than was minted."""
        while (supply := self.total_supply()) and not self._plant(supply, supply + more):
            pass

    def limit(self, minter: str, *, capacity: int) -> None:
        """Have the minter's admin, the development chain's first account, set its limit; return once that is mined."""
        admin = msgspec.convert(self._ask("eth_accounts"), list[str])[0]
        data = f"{_SET_LIMIT}{capacity:064x}{86_400:064x}"
        # An estimate would be too low for a block of another second, in which one more word of the limiter changes.
        call = {"from": admin, "to": minter, "data": data, "gas": hex(500_000)}
        sent = self._ask("eth_sendTransaction", call)
        receipts: list[object] = []

        def is_mined() -> bool:
            """Tell whether a block carries it."""
            receipts[:] = [self._ask("eth_getTransactionReceipt", sent)]
            return receipts != [None]

        assert eventually(is_mined, within_s=WITHIN_S)
        assert msgspec.convert(receipts[0], dict[str, object])["status"] == "0x1"

    def _plant(self, old: int, new: int) -> bool:
        """Replace a number in the token's storage; False when it has changed meanwhile."""
        for slot in range(_SLOTS_MAX):
            if int(str(self._ask("eth_getStorageAt", TOKEN, hex(slot), "latest")), 16) == old:
                self._ask("anvil_setStorageAt", TOKEN, f"0x{slot:064x}", f"0x{new:064x}")
                return self.total_supply() == new
        return False

    def _ask(self, method: str, *parameters: object) -> object:
        """Return the result of a JSON-RPC call."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # a URL of our own
            return json.load(answer)["result"]


def chain_of(launched: Launched) -> Chain:
    """Return the chain that a command has started."""
    ports: list[int] = []

    def found() -> bool:
        ports[:] = [port for pid in launched.pids_of("anvil") for port in listening_ports(pid)]
        return bool(ports)

    assert eventually(found, within_s=WITHIN_S)
    return Chain(ports[0])
