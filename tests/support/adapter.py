"""A blockchain adapter without a chain: the whole contract of the two calls that minting makes, over real gRPC.

It passes the suite that the real one passes (tests/integration/minting/test_adapter_contract.py). What a chain decides
is here decided by the test: `mint` makes accepted numbers final (retired, if they were cancelled), `fail` refuses them
for good, `rebuild` forgets all that does not stand on the chain; `is_hanging`, `refusal`, `answering` and `go_down` are
the world's part.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from cashback.chain.rpc.errors import refused
from cashback.kernel.clock import monotonic_s
from cashback.kernel.ids import new_id
from cashback.kernel.money import MINT_NUMBER_MAX
from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAdapterServiceBase
from tests.support.administration import FakeAdministration
from tests.support.anchors import FakeAnchors
from tests.support.fake_mints import Known, invalidity, minted
from tests.support.fake_signatures import FakeJudge
from tests.support.mortal import FakeHealth, MortalServer

HOST: Final = "127.0.0.1"
SUBMIT_MAX: Final = 1_000
OUTCOMES_MAX: Final = 500


class FakeAdapter(ChainAdapterServiceBase):
    """The adapter's contract, kept by a dictionary; `heartbeat_s` is how often an idle stream says that it lives."""

    def __init__(self, *, heartbeat_s: float = 0.1) -> None:
        """Know nothing and listen nowhere."""
        self.known: dict[int, Known] = {}
        self.anchors = FakeAnchors()
        self.judge = FakeJudge()
        self.submissions: list[list[int]] = []
        self.cancelled: set[int] = set()
        self.let_go: list[int] = []
        self.watches = 0
        self.requested_number = 0
        self.minting_told_at_s: float | None = None
        self.ledger_told: list[int] = []
        self.epoch = new_id("epo")
        self.port = 0
        self.refusal: Status | None = None
        self.is_hanging = False
        self.answering = asyncio.Event()
        self.answering.set()
        self._heartbeat_s = heartbeat_s
        self._final: list[v1.Outcome] = []
        self._voids: set[int] = set()
        self._moved = asyncio.Event()
        self._server: MortalServer | None = None

    @classmethod
    @asynccontextmanager
    async def serving(cls, *, heartbeat_s: float = 0.1) -> AsyncIterator["FakeAdapter"]:
        """Yield an adapter that listens on a free port."""
        adapter = cls(heartbeat_s=heartbeat_s)
        await adapter.go_up()
        try:
            yield adapter
        finally:
            await adapter.go_down()

    async def go_up(self) -> None:
        """Listen, on the same port as before if there was one."""
        administration = FakeAdministration(self.cancel, self.release)
        self._server = MortalServer([self, administration, self.anchors, FakeHealth(self.suffer)])
        listener = socket.create_server((HOST, self.port))
        self.port = listener.getsockname()[1]
        await self._server.start(sock=listener)

    async def go_down(self) -> None:
        """Stop as a killed process does: nobody is told, every connection is gone; what was accepted stays."""
        server, self._server = self._server, None
        if server is not None:
            await server.kill()

    def mint(self, numbers: Iterable[int] | None = None, *, block_number: int = 7) -> None:
        """Make accepted numbers (all of them when none is named) final, once each, in ascending order."""
        done = {outcome.number for outcome in self._final if not self._is_void(outcome)}
        for number in sorted(self.known if numbers is None else numbers):
            if number not in done and number in self.cancelled:
                self.fail(number, "number_retired")
            elif number not in done:
                self._append(minted(number, self.known[number], block_number))

    def fail(self, number: int, reason: str) -> None:
        """Refuse an accepted number for good."""
        known = self.known[number]
        self._append(
            v1.Outcome(
                kind=v1.OutcomeKind.FAILED,
                number=number,
                cashback_id=known.cashback_id,
                recipient=known.recipient,
                amount=known.amount,
                reason=reason,
            )
        )

    def revert(self, number: int) -> None:
        """Take the outcome of a number back, since the block where it stood was replaced; another one may follow."""
        void = next(one for one in self._final if one.number == number and not self._is_void(one))
        self._voids.add(void.sequence)
        self._append(
            v1.Outcome(
                kind=v1.OutcomeKind.REVERTED,
                number=number,
                cashback_id=void.cashback_id,
                recipient=void.recipient,
                amount=void.amount,
                transaction_hash=void.transaction_hash or sha256(b"failed").digest(),
                block_number=void.block_number,
                block_hash=void.block_hash or sha256(b"failed").digest(),
                reason=void.reason,
            )
        )

    def tell(self, outcome: v1.Outcome) -> None:
        """Put any outcome on the stream, be it a lie."""
        self._append(outcome)

    def restore(self, sequence: int) -> None:
        """Have a backup of the same epoch, from when there were so many outcomes; what was final since is not known."""
        for outcome in self._final[sequence:]:
            self.known.pop(outcome.number, None)
        del self._final[sequence:]

    def rebuild(self) -> None:
        """Lose the database: what is on the chain is found again, in another order and epoch; the rest is forgotten."""
        minted = [outcome for outcome in self._final if outcome.kind == v1.OutcomeKind.MINTED]
        self.known = {outcome.number: self.known[outcome.number] for outcome in minted}
        self.epoch = new_id("epo")
        self._final = []
        for outcome in reversed(minted):
            self._append(outcome)

    async def submit_mints(self, message: v1.SubmitMintsRequest) -> v1.SubmitMintsResponse:
        """Accept each entry by itself; see the contract."""
        await self.suffer()
        if len(message.mints) > SUBMIT_MAX:
            raise refused(Status.INVALID_ARGUMENT, code="too_many_mints", detail=f"at most {SUBMIT_MAX} mints")
        self.submissions.append([mint.number for mint in message.mints])
        over = {one.number: one.reason for one in self._final if one.kind == v1.OutcomeKind.FAILED}
        entries = [self._admit(mint, over) for mint in message.mints]
        await self.answering.wait()
        return v1.SubmitMintsResponse(entries=entries)

    async def watch_outcomes(self, message: v1.WatchOutcomesRequest) -> AsyncIterator[v1.WatchOutcomesResponse]:
        """Yield what is final after the cursor, then what becomes final, and heartbeats between."""
        self.watches += 1
        await self.suffer()
        epoch = self.epoch
        sent = message.after_sequence if message.epoch == epoch else 0
        if sent > len(self._final):
            raise refused(Status.FAILED_PRECONDITION, code="cursor_ahead", detail="as the contract says")
        if sent and message.after_number not in (0, self._final[sent - 1].number):
            raise refused(Status.FAILED_PRECONDITION, code="cursor_foreign", detail="as the contract says")
        while self.epoch == epoch:
            moved = self._moved
            batch = self._final[sent : sent + OUTCOMES_MAX]
            told = [one for one in batch if one.kind == v1.OutcomeKind.REVERTED or not self._is_void(one)]
            yield v1.WatchOutcomesResponse(epoch=epoch, outcomes=told)
            sent += len(batch)
            if not batch:
                await _set_within(moved, self._heartbeat_s)
        raise GRPCError(Status.UNAVAILABLE, "the adapter was rebuilt")

    async def get_status(self, message: v1.GetStatusRequest) -> v1.GetStatusResponse:
        """Return the epoch, and the highest number that is known."""
        del message
        await self.suffer()
        return v1.GetStatusResponse(
            epoch=self.epoch, known_number=self._known_number(), minting_told_ms_ago=self._told_ms_ago()
        )

    async def tell_number(self, message: v1.TellNumberRequest) -> v1.TellNumberResponse:
        """Remember what minting tells, hold the ledger against what is known; see the contract."""
        await self.suffer()
        if message.number > MINT_NUMBER_MAX:
            raise refused(Status.INVALID_ARGUMENT, code="number_impossible", detail="as the contract says")
        if message.teller == v1.NumberTeller.MINTING:
            self.requested_number = max(self.requested_number, message.number)
            self.minting_told_at_s = monotonic_s()
        else:
            self.ledger_told.append(message.number)
        known = self._known_number()
        is_behind = message.teller == v1.NumberTeller.LEDGER and message.number < known
        return v1.TellNumberResponse(is_behind=is_behind, known_number=known)

    async def anchor_of(self, message: v1.AnchorOfRequest) -> v1.AnchorOfResponse:
        """Return the anchor of one place."""
        await self.suffer()
        return self.anchors.of(message.up_to)

    async def latest_anchor(self, message: v1.LatestAnchorRequest) -> v1.LatestAnchorResponse:
        """Return the newest anchors."""
        del message
        await self.suffer()
        return self.anchors.latest()

    async def verify_signature(self, message: v1.VerifySignatureRequest) -> v1.VerifySignatureResponse:
        """Judge whether an account has signed a digest."""
        await self.suffer()
        return self.judge.judged(message)

    async def cancel(self, mint: v1.Mint) -> v1.CancelMintsResponseEntry:
        """Cancel one mint, or say how far that is; what was cancelled is retired by the next `mint`."""
        await self.suffer()
        wanted = Known(mint.cashback_id, mint.recipient, mint.amount)
        if self.known.setdefault(mint.number, wanted) != wanted:
            return v1.CancelMintsResponseEntry(number=mint.number, result=v1.CancelResult.CONFLICT)
        done = next((one for one in self._final if one.number == mint.number and not self._is_void(one)), None)
        if done is None:
            self.cancelled.add(mint.number)
            return v1.CancelMintsResponseEntry(number=mint.number, result=v1.CancelResult.ORDERED)
        if done.reason == "number_retired":
            return v1.CancelMintsResponseEntry(number=mint.number, result=v1.CancelResult.RETIRED)
        reason = "too_late" if mint.number in self.cancelled else "mint_settled"
        return v1.CancelMintsResponseEntry(number=mint.number, result=v1.CancelResult.SETTLED, reason=reason)

    async def release(self, numbers: Sequence[int]) -> list[int]:
        """Return which of them were held: none, for nothing is held here; what was asked to be let go is noted."""
        await self.suffer()
        self.let_go += numbers
        await self.answering.wait()
        return []

    async def suffer(self) -> None:
        """Do what the test wants to see survived."""
        if self.is_hanging:
            await asyncio.get_running_loop().create_future()
        if self.refusal is not None:
            raise refused(self.refusal, code="ordered", detail="as the test ordered")

    def _told_ms_ago(self) -> int:
        """Return how long ago minting told its highest number, at least 1; 0: it never did."""
        if self.minting_told_at_s is None:
            return 0
        return max(1, int((monotonic_s() - self.minting_told_at_s) * 1_000))

    def _known_number(self) -> int:
        """Return the highest number that was submitted or told."""
        return max(self.requested_number, *self.known, 0)

    def _admit(self, mint: v1.Mint, over: dict[int, str]) -> v1.SubmitMintsResponseEntry:
        """Answer for one entry; `over` are those that were refused for good, and why."""
        reason = invalidity(mint)
        if reason is not None:
            return v1.SubmitMintsResponseEntry(number=mint.number, result=v1.SubmitResult.INVALID, reason=reason)
        wanted = Known(mint.cashback_id, mint.recipient, mint.amount)
        is_same = self.known.setdefault(mint.number, wanted) == wanted
        if is_same and mint.number in over:
            return v1.SubmitMintsResponseEntry(
                number=mint.number, result=v1.SubmitResult.INVALID, reason=over[mint.number]
            )
        result = v1.SubmitResult.ACCEPTED if is_same else v1.SubmitResult.CONFLICT
        return v1.SubmitMintsResponseEntry(number=mint.number, result=result)

    def _append(self, outcome: v1.Outcome) -> None:
        """Give the outcome the next sequence and wake those who watch."""
        outcome.sequence = len(self._final) + 1
        outcome.reversals = outcome.reversals or self._reversals(outcome)
        self._final.append(outcome)
        self._moved.set()
        self._moved = asyncio.Event()

    def _is_void(self, outcome: v1.Outcome) -> bool:
        """Tell whether an outcome says nothing of its number any more: it was taken back, or takes one back."""
        return outcome.sequence in self._voids or outcome.kind == v1.OutcomeKind.REVERTED

    def _reversals(self, outcome: v1.Outcome) -> int:
        """Return how often the number's outcome was taken back, with this outcome."""
        taken_back = [one for one in self._final if one.kind == v1.OutcomeKind.REVERTED]
        is_one_more = outcome.kind == v1.OutcomeKind.REVERTED
        return sum(one.number == outcome.number for one in taken_back) + is_one_more


async def _set_within(event: asyncio.Event, timeout_s: float) -> None:
    """Return when the event is set or the time is over."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
