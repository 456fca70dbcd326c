"""As many purchases as a merchant has, line by line: recorded while they come, and counted at the end.

Nothing is answered before all is read: a client that reads only once it has sent everything would wait for us, and we
for it.
"""

import asyncio
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from cashback.kernel.errors import Rejected
from cashback.kernel.http import IdempotencyKey, Problem, charge_in_turn, may_take, principal_of
from cashback.kernel.http.auth import is_still_let_in
from cashback.kernel.http.body import decode_body
from cashback.kernel.http.commands import kept
from cashback.kernel.http.lines import Line, LineBounds, LinesOperation, batches_of_lines, check_lines, whole_line
from cashback.kernel.http.problems import part_of_answer
from cashback.kernel.lifecycle.bounds import LINES_WITHIN_S
from cashback.purchases.http.commands import asked_by, command_route
from cashback.purchases.http.purchases import PurchaseBody, command_of
from cashback.purchases.model import NewPurchase, Outcome, Recorded, Refused
from cashback.purchases.model.errors import ApiKeyEnded
from cashback.purchases.service import Bulks

BOUNDS: Final = LineBounds(
    body_bytes_max=2**26, line_bytes_max=2**16, lines_max=100_000, batch_max=500, batch_bytes_max=2**20
)
PROBLEMS_MAX: Final = 1_000
READ_AT_ONCE: Final = 25
"""How many lines are read before others have their turn: some 5 ms of lines of 2 KiB."""
WITHIN_S: Final = LINES_WITHIN_S + 60.0
"""What came last is still to be recorded once all has come."""

_encoder: Final = msgspec.json.Encoder()


class LineProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a line was not recorded; its `pointer` is one into the line."""

    line: int
    problem: Problem


class StreamAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines were recorded, replayed and refused, and of the first 1,000 that were refused why."""

    recorded: int
    replayed: int
    refused: int
    problems: Annotated[list[LineProblem], msgspec.Meta(max_length=PROBLEMS_MAX)]


@command_route(
    "/v1/purchases/stream",
    operation_id="streamPurchases",
    summary="Record purchases line by line",
    tag="Purchases",
    operation_class=LinesOperation,
)
async def stream_purchases(
    request: Request[Any, Any, Any], bulks: NamedDependency[Bulks], idempotency_key: IdempotencyKey
) -> Response[StreamAnswer]:
    """Record up to 100,000 purchases of newline-delimited JSON, each line one that `POST /v1/purchases` takes.

    They are recorded while they come, and a line that is refused harms no other. A stream that was cut off is sent
    again as it was: what was recorded is counted as replayed. Each line has a key made of the stream's and its number.
    """
    check_lines(request)
    may_take(request, WITHIN_S)
    told = _Told()
    with bulks.seat(principal_of(request).party):
        patience = await bulks.open_stream(**asked_by(request, idempotency_key))
        async for batch in batches_of_lines(request, BOUNDS):
            if not await is_still_let_in(request):
                raise ApiKeyEnded("your API key has ended while lines came; what came before that is recorded")
            await charge_in_turn(request, len(batch))
            sound = await told.sort_out(request, batch, idempotency_key)
            for (number, _), outcome in zip(sound, await bulks.record_part(sound, patience), strict=True):
                told.count(number, outcome)
    return kept(_encoder.encode(told.answer()), is_replay=told.is_replay, is_rebuilt=False)


class _Told:
    """What came of the lines so far."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._recorded = self._replayed = self._refused = 0
        self._problems: dict[int, dict[str, object]] = {}

    async def sort_out(
        self, request: Request[Any, Any, Any], batch: list[Line], key: str
    ) -> list[tuple[int, NewPurchase]]:
        """Return the commands of those lines that are purchases by their form, and count the others as refused."""
        sound: list[tuple[int, NewPurchase]] = []
        for place, (number, line) in enumerate(batch, start=1):
            if place % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                body = decode_body(whole_line(line, BOUNDS), PurchaseBody, called="the line")
                sound.append((number, command_of(request, body, key)))
            except Rejected as error:
                self.count(number, Refused(error))
        return sound

    def count(self, number: int, outcome: Outcome) -> None:
        """Count what came of a line."""
        if isinstance(outcome, Recorded):
            self._replayed += outcome.is_replay
            self._recorded += not outcome.is_replay
            return
        self._refused += 1
        if len(self._problems) < PROBLEMS_MAX:
            _, document = part_of_answer(outcome.error, within="")
            self._problems[number] = {"line": number, "problem": msgspec.Raw(document)}

    @property
    def is_replay(self) -> bool:
        """Tell whether all that there is was recorded before: known once the last line was counted."""
        return self._replayed > 0 and not self._recorded

    def answer(self) -> dict[str, object]:
        """Return it as a `StreamAnswer`, the problems in the order of their lines."""
        return {
            "recorded": self._recorded,
            "replayed": self._replayed,
            "refused": self._refused,
            "problems": [problem for _, problem in sorted(self._problems.items())],
        }


STREAM_ROUTES = [stream_purchases]
