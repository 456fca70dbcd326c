"""Named points in the life of a process at which a test lets it end or stand still, exactly there.

    reach("slot.stored")      nothing happens, unless this process was started with CASHBACK_DEVELOPMENT=true and
    CASHBACK_FAILPOINTS=slot.stored=kill@2       then the second time it gets there it ends, as by kill -9

A point is a name of this module or it does not exist: the type checker refuses another one in the code, the start of a
process one that is not its own. `cashback_failpoints_armed` is 0 in every process that nobody is testing, and what the
decision about all this was stands in docs/adr/0026.
"""

import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal, TypeAlias, cast, get_args

import msgspec
from prometheus_client import Gauge

from cashback.kernel.config import SettingsInvalid, Shape
from cashback.kernel.telemetry import logger

AdapterPoint: TypeAlias = Literal[
    # a lane's or the follower's lease
    "lease.taken",
    "lease.renewed",
    # a lane, each time its lease was taken
    "lane.opening",
    "lane.opened",
    "lane.recovered",
    "noop.reserved",
    "noop.stored",
    # a nonce and the calls it carries; signed comes first, for a key may be far away
    "slot.signed",
    "slot.reserved",
    "slot.stored",
    # the same of a call that retires a number
    "retirement.signed",
    "retirement.reserved",
    "retirement.stored",
    # and of one that publishes evidence
    "anchor.signed",
    "anchor.reserved",
    "anchor.stored",
    # a stored attempt on its way to the nodes
    "attempt.sending",
    "attempt.answer_lost",
    "attempt.sent",
    "attempt.noted",
    # the same call at a higher price
    "replacement.signed",
    "replacement.reserved",
    "replacement.stored",
    "replacement.sent",
    # what blocks say
    "logs.seen",
    "receipt.seen",
    "blocks.taking",
    "mints.included",
    "outcomes.written",
    "chain.unwinding",
    "chain.unwound",
    "minting.halting",
]
"""In the adapter. `-ing` and `reserved` are inside a transaction, after its last statement and before its commit;
`answer_lost` is when a node has taken what was sent and nobody here knows it yet."""

RelayPoint: TypeAlias = Literal[
    "lanes.taken", "rows.read", "batch.publishing", "batch.published", "cursors.moved", "lanes.releasing"
]
"""In a relay, for each outbox: `publishing` is when the streams are there and nothing of the batch has left,
`published` when all of it is stored and no cursor has moved; `releasing` comes with the end of the process alone."""

ConsumerPoint: TypeAlias = Literal[
    "batch.taken", "batch.applying", "batch.applied", "batch.answered", "failure.noted", "letter.buried"
]
"""In whoever consumes events: `applying` is inside the transaction, after its last statement and before its commit;
`applied`, `noted` and `buried` are when a batch or a failure is committed, or a dead letter stored, and the broker does
not know it yet."""

MintWorkerPoint: TypeAlias = Literal[
    "request.storing", "mint.claimed", "mint.answered", "outcome.applying", "cursor.moved"
]
"""In the mint worker; `answered` is when the adapter has taken what was claimed and nobody here has noted it."""

LedgerWorkerPoint: TypeAlias = Literal["number.drawn", "request.appending", "settlement.posting"]
"""In the ledger worker, all of them before a commit."""

WebhookPoint: TypeAlias = Literal["delivery.claimed", "delivery.answered", "delivery.noted"]
"""In the worker of webhooks; `answered` is when an endpoint has answered and nobody here has noted it."""

ApiPoint: TypeAlias = Literal[
    "commands.committing", "commands.committed", "part.recorded", "answer.sending", "answer.sent"
]
"""In the API: `committing` is inside the transaction, after its last statement and before its commit; `recorded` when a
part of a bulk or of a stream is, and others are to come; `sending` and `sent` are about answers to commands alone."""

Point: TypeAlias = (
    AdapterPoint | ApiPoint | RelayPoint | ConsumerPoint | MintWorkerPoint | LedgerWorkerPoint | WebhookPoint
)

POINTS: Final[Mapping[str, frozenset[str]]] = {
    "adapter": frozenset(get_args(AdapterPoint)),
    "api": frozenset(get_args(ApiPoint)),
    "relay": frozenset(get_args(RelayPoint)),
    "worker mint": frozenset((*get_args(MintWorkerPoint), *get_args(ConsumerPoint))),
    "worker ledger": frozenset((*get_args(LedgerWorkerPoint), *get_args(ConsumerPoint))),
    "worker webhooks": frozenset((*get_args(WebhookPoint), *get_args(ConsumerPoint))),
}
"""The points of each process, by the name it has in its logs; processes that are not here have none."""

Action: TypeAlias = Literal["kill", "stop"]
"""End as by SIGKILL, or stand still as by SIGSTOP until somebody sends SIGCONT."""

Watcher: TypeAlias = Callable[[Point], None]

TRAPS_MAX: Final = 16
_TRAP: Final = r"(?P<point>[a-z_]+\.[a-z_]+)=(?P<action>kill|stop)(?:@(?P<nth>[1-9][0-9]{0,5}))?"
_SIGNALS: Final[Mapping[Action, signal.Signals]] = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

ARMED: Final = Gauge("cashback_failpoints_armed", "Points at which this process ends or stands still; 0 in production.")

log = logger(__name__)

_watchers: Final[list[Watcher]] = []
_armed: Final[list["Trap"]] = []


class Trap(msgspec.Struct, frozen=True):
    """What happens at a point, and at the which time that it is reached."""

    point: Point
    action: Action
    nth: int = 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is to be hurt by, `POINT=kill|stop[@NTH]` each; only one that is declared to be a test's.

    `development` says that, and nothing else: it alone changes nothing.
    """

    failpoints: Annotated[
        tuple[Annotated[str, Shape(_TRAP, "POINT=ACTION[@NTH], with kill or stop for ACTION")], ...],
        msgspec.Meta(max_length=TRAPS_MAX),
    ] = ()
    development: bool = False

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield that failpoints are no setting for production."""
        if settings.get("failpoints") and not settings.get("development", True):
            yield "CASHBACK_FAILPOINTS is wrong: it hurts the process on purpose, and wants CASHBACK_DEVELOPMENT=true"


def arm(settings: Settings, *, process: str) -> None:
    """Set the traps of the settings, for the rest of this process's life, and say so.

    Raises:
        SettingsInvalid: a point is none of this process's; it lists those that are.
    """
    traps = [_trap(text) for text in settings.failpoints]
    known = POINTS.get(process, frozenset())
    strange = [trap.point for trap in traps if trap.point not in known]
    if strange:
        there_are = f"there are {', '.join(sorted(known))}" if known else "it has none"
        raise SettingsInvalid([f"CASHBACK_FAILPOINTS is wrong: {process} has no {', '.join(strange)}; {there_are}"])
    ARMED.set(len(traps))
    if traps:
        log.critical("failpoints.armed", traps=settings.failpoints)
        _armed.extend(traps)
        _watchers.append(_Snare(traps).sprung)


def armed() -> bool:
    """Tell whether this process is to be hurt."""
    return bool(_armed)


def reach(point: Point) -> None:
    """Return at once, unless a trap stands here: then the process ends, or stands still, before this returns."""
    for watch in _watchers:
        watch(point)


@contextmanager
def watching(watch: Watcher) -> Iterator[None]:
    """Have `watch` called at every point while the block lasts; what it raises, the point raises."""
    _watchers.append(watch)
    try:
        yield
    finally:
        _watchers.remove(watch)


class _Snare:
    """Traps, and how often each point was reached."""

    def __init__(self, traps: Sequence[Trap]) -> None:
        self._traps = traps
        self._reached: Counter[Point] = Counter()

    def sprung(self, point: Point) -> None:
        """Spring the trap that stands here for this time, if one does."""
        self._reached[point] += 1
        for trap in self._traps:
            if (trap.point, trap.nth) == (point, self._reached[point]):
                log.critical("failpoint.reached", point=point, nth=trap.nth, action=trap.action)
                signal.raise_signal(_SIGNALS[trap.action])


def _trap(text: str) -> Trap:
    """Return what a setting of the right shape says."""
    found = re.fullmatch(_TRAP, text)
    if found is None:
        raise SettingsInvalid([f"CASHBACK_FAILPOINTS is wrong: {text}"])
    return Trap(cast("Point", found["point"]), cast("Action", found["action"]), int(found["nth"] or 1))
