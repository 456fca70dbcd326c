"""What the broker says: how it holds streams and durable consumers, and whether anybody works these off."""

from collections.abc import Iterator
from typing import Final

from cashback.kernel.bus import EVENTS
from cashback.kernel.bus.attended import Seen, unattended
from cashback.kernel.bus.declare import compare, fills
from cashback.kernel.errors import CashbackError
from cashback.processes.broker import broker_of
from cashback.processes.doctor.settings import Settings
from cashback.processes.durables import BY_WORKER, DURABLES

_CONNECTED_WITHIN_S: Final = 2.0
"""Less than for the whole answer: then there is time to say why the broker lets nobody in."""

_FULL_PERCENT: Final = 90


class StreamDiffers(CashbackError):
    """A stream or a durable consumer is missing, not as it is declared, or soon full."""

    code = "stream_differs"


class ConsumersUnattended(CashbackError):
    """Events wait for workers that are not at work."""

    code = "consumers_unattended"


async def streams(settings: Settings) -> str:
    """Return the streams and durable consumers of the broker, all as declared.

    Raises:
        StreamDiffers: one is not, or a stream is soon full.
    """
    async with broker_of(settings, "doctor") as bus:
        await bus.wait_connected(at_most_s=_CONNECTED_WITHIN_S)
        compared, filled = await compare(bus, DURABLES), await fills(bus)
    wrong = [f"{one.name} is missing" for one in compared if one.state == "missing"]
    wrong += [f"{one.name}: {each}" for one in compared for each in one.unlike]
    if wrong:
        raise StreamDiffers(f"{'; '.join(wrong)}; see cashback streams diff")
    if full := [f"{one.name} is full to {one.percent} %" for one in filled if one.percent >= _FULL_PERCENT]:
        raise StreamDiffers(f"{'; '.join(full)}, and refuses events when it is full; see the runbook `broker_down`")
    share = {one.name: f" ({one.percent} % full)" for one in filled}
    return ", ".join(f"{one.name}{share.get(one.name, '')}" for one in compared if one.state == "as declared")


async def workers(settings: Settings) -> str:
    """Return that whatever waits in a durable consumer is worked off; one that is missing is the stream's matter.

    Raises:
        ConsumersUnattended: nobody asks for what waits.
    """
    async with broker_of(settings, "doctor") as bus:
        await bus.wait_connected(at_most_s=_CONNECTED_WITHIN_S)
        found = await unattended(bus, stream=EVENTS.name, names=[one.name for one in DURABLES])
    if found:
        raise ConsumersUnattended("; ".join(_told(found)))
    return "whatever waits is asked for"


def _told(found: dict[str, Seen]) -> Iterator[str]:
    """Yield a sentence for each worker that is missing: what waits for it, and how it is started."""
    for worker, durables in BY_WORKER.items():
        waiting = [f"{found[one.name].unsettled:,} in {one.name}" for one in durables if one.name in found]
        if waiting:
            yield (
                f"events wait ({', '.join(waiting)}) and nobody asks for them: start `cashback {worker}`; of one that"
                " is at work, log and /readyz say what it waits for"
            )
