"""One seed's world: a chain, a database, two adapter processes, and a schedule that turns them one at a time.

    step: time passes ──▶ does the weather change? ──▶ one of: submit, cancel, a lane's or follower's turn, a block
    settle: all faults heal ──▶ turns in order until only poison is left ──▶ that is cured, and goes as well

A process that stands still in the middle of a turn has the others take steps meanwhile, so turns interleave wherever
the adapter waits for a node or a key. Nothing runs by itself: the same seed makes the same choices in the same order.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import psycopg
from psycopg_pool import AsyncConnectionPool

from cashback.chain.model import Address, Mint, NotHalted
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.failpoints import Point, watching
from tests.integration.chain.poison import POISON
from tests.simulation import scene
from tests.simulation.clock import Clock
from tests.simulation.endpoint import Site
from tests.simulation.faults import Faults, Only
from tests.simulation.life import Killed, Life, reach
from tests.simulation.notary import Notary
from tests.simulation.orders import Orders
from tests.simulation.person import OPERATOR, Person
from tests.simulation.process import Process
from tests.simulation.records import establish, is_at_rest
from tests.simulation.signed import decoded
from tests.simulation.weather import Weather
from tests.simulation.wishes import Wishes

STEPS: Final = 60
ROUNDS_MAX: Final = 150
_STALLED_STEPS_MAX: Final = 6
_STALLED_MS: Final = (500, 9_000)  # around the time that a lease lasts


class NeverQuiet(AssertionError):
    """The faults have healed, and still something is left to do."""


class World:
    """Everything that one seed runs."""

    def __init__(
        self,
        seed: int,
        *,
        pool: AsyncConnectionPool[Tx],
        witness: psycopg.Connection,
        forging: bool = False,
        treacherous: bool = False,
        finality: str = "",
        only: Only | None = None,
    ) -> None:
        """Make the world of a seed on an empty database; `witness` looks at it with other eyes than the adapter's."""
        self.faults = Faults(seed, forging=forging, only=only)
        self.clock = Clock(witness)
        self.finality = finality or self.faults.one_of(sorted(scene.FINALITIES))
        self.chain = scene.new_chain(finality=self.finality)
        self.witness = witness
        self._forging = forging
        self.is_treacherous = treacherous
        self._betrayals = [self.faults.between(15, STEPS - 1) for _ in range(2)] if treacherous else []
        self.wanted: dict[int, Mint] = {}
        self.orders = Orders(self.faults, witness=witness, wanted=self.wanted)
        self.wishes = Wishes(self.faults, wanted=self.wanted, orders=self.orders)
        self.notary = Notary(self.faults)
        self.unstored: list[str] = []
        self.trace: list[str] = []
        self._pool = pool
        self._unanswered: list[Mint] = []
        self._later: list[tuple[int, Callable[[], None]]] = []
        self._steps = self._born = 0
        self._stalled: Process | None = None
        self._settings = scene.settings(
            finality=self.finality,
            batch_mints=self.faults.one_of([2, 5, 256]),
            slots_in_flight=self.faults.one_of([1, 3, 16]),
        )
        self.sites = [Site() for _ in range(self.faults.between(1, 3))]
        self._weather = Weather(self.faults, self.clock, self.chain, self.sites)
        self._person = Person(witness, say=self._say)
        self.processes = [self.process(), self.process()]

    async def run(self) -> None:
        """Take every step of the schedule, then let everything heal and come to rest.

        Raises:
            NeverQuiet: it does not come to rest.
        """
        with self.clock.in_charge(), watching(reach):
            await establish(self._pool)
            while self._steps < STEPS:
                await self._step()
            await self._settle()

    def wait(self, by_ms: int) -> None:
        """Let time pass."""
        self.clock.advance(by_ms)

    def see(self, raw: bytes) -> None:
        """Note a transaction that reaches a node although nobody has stored it (I3)."""
        signed = decoded(raw)
        question = "select exists (select from chain.blockchain_transactions where hash = %s)"
        row = self.witness.execute(question, (signed.hash,)).fetchone()
        if row != (True,):
            self.unstored.append(signed.hash.hex())

    def later(self, steps: int, deed: Callable[[], None]) -> None:
        """Do something after so many steps, or when all is healed."""
        self._later.append((self._steps + steps, deed))

    async def _step(self) -> None:
        """Take one step of the schedule."""
        self._steps += 1
        self.clock.advance(self.faults.between(20, 1_500))
        self._deliver(self._steps)
        known = self.witness.execute("select number from chain.mints order by number").fetchall()
        for fault in await self._weather.change([self.wanted[number] for (number,) in known]):
            self._say(fault)
        if self._steps in self._betrayals:
            self._betray()
        if self._betrayals and self.faults.share() < _RECOVERED_SHARE:
            await self._survive(process := self.faults.one_of(self._awake()), lambda: self._person.recover(process))
        if self.faults.strikes("killed"):
            self._restart(self.faults.one_of(self._awake()))
        acts = [self._submit, self._cancel, self._anchor, self._turn_lane, self._turn_follower, self._mine]
        await self.faults.weighted(acts, [4, 1, 1, 12, 8, 8])()

    async def _submit(self) -> None:
        """Submit new mints, some of them in one call with ones that were submitted before."""
        process = self.faults.one_of(self._awake())
        await self._ask(process, [*self.wishes.some(), *self._unanswered])

    async def _ask(self, process: Process, mints: list[Mint]) -> None:
        """Submit until it is answered; a service that hears no answer asks again."""
        if not mints:
            return
        self._unanswered = mints

        async def submit() -> None:
            """Submit, and forget what was answered."""
            await process.parts.acceptance.submit(mints)
            self._unanswered = []

        self._say(f"{process.name} submits {[mint.number for mint in mints]}")
        await self._survive(process, submit)

    async def _cancel(self) -> None:
        """Have a person cancel a mint, whatever it is doing."""
        process = self.faults.one_of(self._awake())
        numbers = self.orders.choose(lambda: self.wishes.mint(max(self.wanted, default=0) + 1))
        self._say(f"{process.name} is to cancel {numbers}")
        await self._survive(process, lambda: self.orders.give(process))

    async def _anchor(self) -> None:
        """Have the ledger ask for an anchor."""
        process = self.faults.one_of(self._awake())
        anchor = self.notary.choose()
        self._say(f"{process.name} is to anchor {None if anchor is None else anchor.up_to}")
        await self._survive(process, lambda: self.notary.ask(process, anchor))

    async def _turn_lane(self) -> None:
        """Give the lane of one process a turn."""
        process = self.faults.one_of(self._awake())
        self._say(f"{process.name} lane")
        await self._survive(process, process.turn_lane)

    async def _turn_follower(self) -> None:
        """Give the follower of one process its turns."""
        process = self.faults.one_of(self._awake())
        self._say(f"{process.name} follower")
        await self._survive(process, process.turn_follower)

    async def _mine(self) -> None:
        """Have a block made."""
        self._say(f"block {self._weather.mine()}")

    async def _survive(self, process: Process, turn: Callable[[], Awaitable[None]]) -> None:
        """Take a turn of a process; one that dies in it is started again with nothing but the database."""
        try:
            with process.life.running():
                await turn()
        except Unavailable as failure:
            self._say(f"{process.name} interrupted: {failure.code}")
        except Killed:
            self._say(f"{process.name} ended")
        if process.life.is_over:
            self._restart(process)

    def _restart(self, process: Process) -> None:
        """Put a new process in the place of one that dies here, or has."""
        process.life.is_over = True
        self._say(f"{process.name} killed")
        self.processes[self.processes.index(process)] = self.process()

    def _betray(self) -> None:
        """Have the chain replace blocks that are final, by a branch that may be shorter at first."""
        depth = self.chain.betray(self.faults.between(5, 30), requeue=self.faults.share() < 0.5)
        for _ in range(self.faults.between(0, depth + 1)):
            self._weather.mine()
        self._say(f"betrayed, {depth} blocks deep")

    def process(self) -> Process:
        """Return a process without any memory."""
        self._born += 1
        name = f"adapter{self._born}"
        return Process(
            name,
            settings=self._settings,
            signer=scene.OPERATOR,
            pool=self._pool,
            chain=self.chain,
            sites=self.sites,
            around=self,
            stall=self._stall,
            life=Life(self.faults, tell=lambda point: self._end_at(name, point)),
        )

    def _end_at(self, name: str, point: Point) -> None:
        """Note at which named point a process has ended."""
        self._say(f"{name} ends at {point}")

    async def _stall(self, process: Process) -> None:
        """Let the world go on while one process stands still in the middle of a turn."""
        if self._stalled is not None:
            return
        self._stalled = process
        self._say(f"{process.name} stands still")
        self.clock.advance(self.faults.between(*_STALLED_MS))
        for _ in range(self.faults.between(1, _STALLED_STEPS_MAX)):
            await self._step()
        self._say(f"{process.name} goes on")
        self._stalled = None

    def _awake(self) -> list[Process]:
        """Return the processes that can move."""
        return [process for process in self.processes if process is not self._stalled]

    async def _settle(self) -> None:
        """Heal everything, come to rest but for what is poison, then cure that and come to rest."""
        self.faults.heal()
        self._deliver(self._steps + _EVER)
        await self._weather.heal()
        self._say("healed")
        if self._forging:
            with suppress(NotHalted):
                await self.processes[0].parts.halting.resume(by=OPERATOR, because="the nodes are changed")
                self._say("resumed")
        await self._come_to_rest(but_for=POISON)
        scene.token_of(self.chain).poison.is_brewed = False
        await self._person.release_all(Database(self._pool))
        await self._come_to_rest(but_for=())

    async def _come_to_rest(self, *, but_for: Sequence[Address]) -> None:
        """Take turns in order until nothing is left to do but mints to these recipients.

        Raises:
            NeverQuiet: they do not help.
        """
        for place in range(ROUNDS_MAX):
            self.clock.advance(1_000)
            await self._ask(self.processes[0], self._unanswered)
            await self.orders.give(self.processes[0])
            await self.notary.ask(self.processes[0], self.notary.newest)  # which lets a held one go
            # Both: who died may have been the only one that knew something.
            process = self.processes[place % 2]
            await process.turn_lane()
            self.chain.mine(timestamp=self.clock.now_s)
            await process.turn_follower()
            if self._betrayals:
                with suppress(Unavailable):
                    await self._person.recover(process)
            if is_at_rest(self.witness, but_for=but_for, wanted=len(self.wanted)):
                return
        raise NeverQuiet(f"after {ROUNDS_MAX} rounds without faults something is left to do")

    def _deliver(self, up_to: int) -> None:
        """Do what is due."""
        due = [deed for step, deed in self._later if step <= up_to]
        self._later = [(step, deed) for step, deed in self._later if step > up_to]
        for deed in due:
            deed()

    def _say(self, what: str) -> None:
        """Note what happens, for who replays it."""
        self.trace.append(f"{self._steps:3} {(self.clock.now_ms - _START_MS) / 1_000:8.3f} s  {what}")


_START_MS: Final = 1_000 * 1_800_000_000
_RECOVERED_SHARE: Final = 0.3
"""How often somebody looks whether minting is halted, and recovers."""
_EVER: Final = 1_000_000
