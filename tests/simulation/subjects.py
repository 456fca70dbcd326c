"""The two nodes that one suite is held against: the simulated one in this process, and anvil over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.keys import LocalKey
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, Attempt, Fees, NodeAnswer, Transaction
from cashback.chain.rules import answers, transaction
from cashback.chain.rules.fees import FeeLimits
from cashback.chain.service.deploying import Deployer, Plan
from cashback.processes.embedded import EmbeddedAnvil
from tests.integration.chain.levers import Lever
from tests.integration.chain.poison import Poison
from tests.simulation import scene
from tests.simulation.chain import Chain
from tests.simulation.clock import START_S
from tests.simulation.endpoint import SimulatedEndpoint, Site
from tests.simulation.execution import State
from tests.simulation.faults import Faults
from tests.simulation.life import Life
from tests.simulation.token import Token

CAPACITY: Final = 10**9
WINDOW_S: Final = 1_000
CAP: Final = 10**12
PRICE: Final = Fees(200 * scene.GWEI, 2 * scene.GWEI)
_LIMITS: Final = FeeLimits(tip_floor_wei=scene.GWEI, tip_cap_wei=100 * scene.GWEI, cap_wei=500 * scene.GWEI)
_GAS: Final = 8_000_000


class Moves(Protocol):
    """What only the owner of a development node may do."""

    async def mine(self, blocks: int = 1) -> None:
        """Make so many blocks now."""
        ...

    async def mine_after(self, seconds: int) -> None:
        """Make a block that is so many seconds later than its parent."""
        ...

    async def automine(self, *, is_on: bool) -> None:
        """Make a block for each transaction at once, or none until told."""
        ...

    async def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by empty ones; what they carried is lost."""
        ...

    async def set_base_fee(self, wei: int) -> None:
        """Say what the next block's base fee is."""
        ...

    async def brew(self, token: Address) -> None:
        """Have some recipients undo the calls that mint to them, from the next block on, which is made."""
        ...


class Subject:
    """A node with fresh contracts, automining off, reached as the adapter reaches it."""

    def __init__(self, node: Node, moves: Moves, *, token: Address, minter: Address) -> None:
        """Ask `node` about the contracts, move it by `moves`."""
        self.node = node
        self.moves = moves
        self.token, self.minter = token, minter
        self.blocks = Blocks(node, token=token)
        self.contracts = Contracts(node, token=token, minter=minter)

    async def offer(
        self,
        key: LocalKey,
        calldata: bytes,
        *,
        to: Address | None = None,
        nonce: int | None = None,
        fees: Fees = PRICE,
        gas: int = _GAS,
    ) -> tuple[Attempt, str]:
        """Send a call of the minter, or of `to`, and return what was sent and what the node's answer means."""
        [pending] = await self.blocks.nonces(key.address, ["pending"])
        unsigned = Transaction(
            chain_id=scene.CHAIN_ID,
            nonce=pending if nonce is None else nonce,
            fees=fees,
            gas=gas,
            target=to or self.minter,
            calldata=calldata,
        )
        sent = transaction.attempt(unsigned, await key.sign(transaction.digest(unsigned)), lane=0)
        return sent, await self.send(sent.raw)

    async def send(self, raw: bytes) -> str:
        """Send signed bytes and return what the node's answer means."""
        said: list[NodeAnswer] = await self.node.send(raw)
        return answers.combine(said)[0]

    async def mined(self, key: LocalKey, calldata: bytes, *, to: Address | None = None) -> Attempt:
        """Return what was sent once a block of its own carries it."""
        sent, answer = await self.offer(key, calldata, to=to)
        assert answer == "accepted"
        await self.moves.mine()
        return sent


class _SimulatedMoves:
    """Moves a chain in this process."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    async def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            await self.mine_after(1)

    async def mine_after(self, seconds: int) -> None:
        self._chain.mine(timestamp=self._chain.head.timestamp + seconds)

    async def automine(self, *, is_on: bool) -> None:
        self._chain.is_automining = is_on

    async def reorganise(self, depth: int) -> None:
        for _ in range(self._chain.reorganise(depth, requeue=False)):
            await self.mine()

    async def set_base_fee(self, wei: int) -> None:
        self._chain.next_base_fee_wei = wei

    async def brew(self, token: Address) -> None:
        found = self._chain.head.state.contracts[token]
        assert isinstance(found, Token)
        found.poison.is_brewed = True
        await self.mine()


class _AnvilMoves(Lever):
    """Moves anvil."""

    async def mine_after(self, seconds: int) -> None:
        latest = await self.call("eth_getBlockByNumber", "latest", False)
        await self.call("evm_setNextBlockTimestamp", int(latest["timestamp"], 16) + seconds)
        await self.mine()

    async def set_base_fee(self, wei: int) -> None:
        await self.call("anvil_setNextBlockBaseFeePerGas", hex(wei))

    async def brew(self, token: Address) -> None:
        await Poison(self, f"0x{token.hex()}").brew()


class _Around:
    """Nothing goes wrong here, and nobody looks."""

    def __init__(self) -> None:
        self.faults = Faults(0)
        self.faults.heal()

    def wait(self, by_ms: int) -> None:
        raise AssertionError(f"nothing goes wrong here, and {by_ms} ms are waited for")

    def see(self, raw: bytes) -> None:
        del raw

    def later(self, steps: int, deed: Callable[[], None]) -> None:
        raise AssertionError(f"nothing goes wrong here, and {deed} is put off by {steps}")


@asynccontextmanager
async def simulated() -> AsyncIterator[Subject]:
    """Give the simulated node."""
    people = (scene.ADMIN, scene.OPERATOR, scene.GUARDIAN, scene.OTHER_OPERATOR)
    state = State({one.address: 10**22 for one in people}, {}, {})
    chain = Chain(chain_id=scene.CHAIN_ID, state=state, base_fee_wei=scene.GWEI, timestamp=START_S)
    around = _Around()

    async def stall() -> None:
        """Never stand still."""

    endpoint = SimulatedEndpoint(chain, Site(), place=0, around=around, life=Life(around.faults), stall=stall)
    yield await _deployed(Node([endpoint]), _SimulatedMoves(chain))


@asynccontextmanager
async def real(anvil: EmbeddedAnvil) -> AsyncIterator[Subject]:
    """Give an anvil of one's own."""
    async with Node.open([anvil.url], chain_id=scene.CHAIN_ID, timeout_s=10) as node:
        yield await _deployed(node, _AnvilMoves(node))


async def _deployed(node: Node, moves: Moves) -> Subject:
    """Return the node with fresh contracts, put there by the deployer of production, and automining off."""
    await moves.automine(is_on=True)
    deployer = Deployer(node, signer=scene.ADMIN, chain_id=scene.CHAIN_ID, limits=_LIMITS)
    where = await deployer.deploy(
        Plan(
            name="Cashback",
            symbol="CBK",
            supply_cap=CAP,
            admin_delay_s=0,
            operators=(scene.OPERATOR.address,),
            guardian=scene.GUARDIAN.address,
            mint_capacity=CAPACITY,
            mint_window_s=WINDOW_S,
        )
    )
    await moves.automine(is_on=False)
    return Subject(node, moves, token=where.token, minter=where.minter)
