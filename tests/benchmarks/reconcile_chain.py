"""A stand-in for a node: it answers JSON-RPC as anvil does, for a chain of so many mints that nobody had to mine.

    python -m tests.benchmarks.reconcile_chain PORT MINTS

Every figure follows from a mint's number, and the ledger's rows are made by the same formulas in SQL
(`reconcile_books`). Like a provider it refuses an answer of more than `LOGS_MAX` logs. A log has the members that anvil
writes, so that its bytes, and reading them, cost what they cost.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from cashback.chain.gateway.artefact import artefact
from cashback.kernel.clock import SystemClock
from cashback.processes.embedded import CHAIN_ID, HOST

TOKEN: Final = "0x" + "11" * 20
MINTER: Final = "0x" + "22" * 20
PER_BLOCK: Final = 500
PER_TRANSACTION: Final = 250
AMOUNT: Final = 1_000_000
AMOUNTS: Final = 1_000
LOGS_MAX: Final = 20_000
BLOCKS_BEHIND: Final = 32
"""How many blocks without a mint follow, which are not final."""

_MINTED: Final = "0x8790d372014415ffd01df9b3b7b5d661b0e8973409f8dcdb08722a2e288ef798"
_DECIMALS, _TOKEN, _HAS_ROLE, _PAUSED, _SUPPLY = "0x313ce567", "0x82bfefc8", "0x91d14854", "0x5c975abb", "0x18160ddd"


class Refused(Exception):
    """The node does not answer that."""


class StandIn:
    """One chain of `mints` mints."""

    def __init__(self, mints: int) -> None:
        """Have the last block be mined now, one a second."""
        self._mints = mints
        self._final = -(-mints // PER_BLOCK)
        self._head = self._final + BLOCKS_BEHIND
        self._head_at_s = int(SystemClock().now().timestamp())

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request or a batch."""
        asked = msgspec.json.decode(await request.read())
        calls = asked if isinstance(asked, list) else [asked]
        answers = b",".join([self._one(call) for call in calls])
        body = b"[" + answers + b"]" if isinstance(asked, list) else answers
        return web.Response(body=body, content_type="application/json")

    def _one(self, call: Mapping[str, Any]) -> bytes:
        """Return the answer to one call."""
        place = str(call["id"]).encode()
        try:
            return (
                b'{"jsonrpc":"2.0","id":' + place + b',"result":' + self._result(call["method"], call["params"]) + b"}"
            )
        except Refused as refusal:
            said = msgspec.json.encode({"code": -32005, "message": str(refusal)})
            return b'{"jsonrpc":"2.0","id":' + place + b',"error":' + said + b"}"

    def _result(self, method: str, parameters: list[Any]) -> bytes:
        """Return a result as JSON."""
        match method:
            case "eth_chainId":
                return msgspec.json.encode(hex(CHAIN_ID))
            case "eth_blockNumber":
                return msgspec.json.encode(hex(self._head))
            case "eth_getBlockByNumber":
                return msgspec.json.encode(self._block(parameters[0]))
            case "eth_getCode":
                name = "CashbackToken" if parameters[0].lower() == TOKEN else "CashbackMinter"
                return msgspec.json.encode(artefact(name).deployed_bytecode)
            case "eth_call":
                return msgspec.json.encode(self._view(parameters[0]["data"]))
            case "eth_getLogs":
                return b"[" + ",".join(self._logs(parameters[0])).encode() + b"]"
            case _:
                raise Refused(f"no {method} here")

    def _block(self, which: str) -> dict[str, str] | None:
        """Return a header."""
        tags = {"latest": self._head, "pending": self._head, "safe": self._final, "finalized": self._final}
        number = tags[which] if which in tags else int(which, 16)
        if number > self._head:
            return None
        return {
            "number": hex(number),
            "hash": _hash(number),
            "parentHash": _hash(number - 1),
            "timestamp": hex(self._head_at_s - (self._head - number)),
            "baseFeePerGas": "0x7",
        }

    def _view(self, data: str) -> str:
        """Return what a view of token or minter answers."""
        rounds, rest = divmod(self._mints, AMOUNTS)
        supply = AMOUNT * self._mints + rounds * sum(range(AMOUNTS)) + sum(range(1, rest + 1))
        known = {_DECIMALS: 6, _TOKEN: int(TOKEN, 16), _HAS_ROLE: 1, _PAUSED: 0, _SUPPLY: supply}
        value = known.get(data[:10], 10**13)
        return f"0x{value:064x}" + ("" if data[:10] in known else f"{86_400:064x}")

    def _logs(self, wanted: Mapping[str, Any]) -> Iterator[str]:
        """Yield the mint logs of a range; of burns there are none.

        Raises:
            Refused: there are too many for one answer.
        """
        if wanted["topics"][0] != [*wanted["topics"][0]] or _MINTED not in wanted["topics"][0]:
            return
        first = max(int(wanted["fromBlock"], 16), 1)
        last = min(int(wanted["toBlock"], 16), self._final)
        if (last - first + 1) * PER_BLOCK > LOGS_MAX:
            raise Refused(f"query returned more than {LOGS_MAX} results")
        for block in range(first, last + 1):
            head = f'"blockNumber":"{hex(block)}","blockHash":"{_hash(block)}"'
            start = (block - 1) * PER_BLOCK
            for place in range(min(PER_BLOCK, self._mints - start)):
                number, index = start + place + 1, place // PER_TRANSACTION
                yield (
                    f'{{"address":"{TOKEN}","topics":["{_MINTED}","0x{number:064x}",'
                    f'"0x{0:024x}{number:040x}"],"data":"0x{AMOUNT + number % AMOUNTS:064x}",{head},'
                    f'"transactionHash":"0x{block:032x}{index:032x}","transactionIndex":"{hex(index)}",'
                    f'"logIndex":"{hex(2 * place + 1)}","removed":false}}'
                )


def _hash(block: int) -> str:
    """Return a block's hash."""
    return f"0x{block + 2**200:064x}"


async def serve(port: int, mints: int) -> None:
    """Serve until the process is ended."""
    application = web.Application()
    application.router.add_post("/", StandIn(mints).answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
