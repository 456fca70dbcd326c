"""What is declared beside what the broker holds: streams and durable consumers, compared, created, and changed by hand.

| state         | is                                                                          |
|---------------|-----------------------------------------------------------------------------|
| `as declared` | every declared setting is held as declared                                  |
| `differs`     | at least one is not; `unlike` says which                                    |
| `missing`     | it is not there                                                             |
| `of others`   | a durable consumer of the events that nobody here declares; it is left alone |

No process changes a stream: only `change` does, at a person's word.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias

import msgspec

from cashback.kernel.bus import durable as durables_
from cashback.kernel.bus import streams as streams_
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.durable import Durable
from cashback.kernel.bus.errors import BusRefused, StreamMissing
from cashback.kernel.bus.streams import EVENTS, Difference, Fill, fill_of, unlike

State: TypeAlias = Literal["as declared", "differs", "missing", "of others"]


_FILTER: Final = "filter_subject"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One stream or durable consumer: how it is held, and each setting that is held otherwise than declared."""

    kind: Literal["stream", "consumer"]
    name: str
    state: State
    unlike: tuple[Difference, ...] = ()

    @property
    def is_well(self) -> bool:
        """Tell whether nothing is missing and nothing differs."""
        return self.state in {"as declared", "of others"}


class Refusal(msgspec.Struct, frozen=True):
    """What the broker would not change, in its own words."""

    name: str
    reason: str


async def compare(bus: Bus, durables: Sequence[Durable]) -> list[Compared]:
    """Return how the broker holds each stream, each of `durables`, and others' durables; nothing is changed.

    Raises:
        BusUnavailable: the broker did not answer.
    """
    compared = [
        _compare("stream", stream.name, declared=declared, found=await _stream(bus, stream.name))
        for stream, declared in ((one, streams_.to_config(one, replicas=bus.replicas)) for one in bus.streams)
    ]
    compared += [
        _compare("consumer", one.name, declared=durables_.to_config(one), found=await _held(bus, one))
        for one in durables
    ]
    declared_names = {one.name for one in durables}
    others = [name for name in await _durable_names(bus) if name not in declared_names]
    return compared + [Compared(kind="consumer", name=name, state="of others") for name in others]


async def fills(bus: Bus) -> list[Fill]:
    """Return how full each stream is that is there.

    Raises:
        BusUnavailable: the broker did not answer.
    """
    found: list[Fill] = []
    for stream in bus.streams:
        with suppress(StreamMissing):
            found.append(fill_of(await bus.api(f"STREAM.INFO.{stream.name}")))
    return found


async def create(bus: Bus, durables: Sequence[Durable]) -> list[str]:
    """Create what is missing of streams and `durables` and return its names; what is there is left as it is.

    Raises:
        BusUnavailable: the broker did not answer, or refused.
    """
    created = [report.name for report in await bus.apply_streams() if report.created]
    for one in durables:
        if await _held(bus, one) is None:
            await durables_.ensure_durable(bus, stream=EVENTS.name, name=one.name, types=one.types)
            created.append(one.name)
    return created


async def change(bus: Bus, seen: Sequence[Compared]) -> list[Refusal]:
    """Change those settings that `seen` told, and no others, to what it told is declared; return what was refused.

    One setting after the other, so that one that NATS never changes (storage, say) holds up no other.

    Raises:
        BusUnavailable: the broker went away; what is left is seen by comparing again.
    """
    refused: list[Refusal] = []
    for one in seen:
        for difference in one.unlike:
            try:
                await _change(bus, one, difference)
            except BusRefused as cause:
                refused.append(Refusal(f"{one.name} {difference.setting}", cause.detail))
    return refused


async def _change(bus: Bus, one: Compared, difference: Difference) -> None:
    """Change one setting.

    Raises:
        StreamMissing: stream or consumer went away since it was looked at.
        BusRefused: the broker does not change that.
    """
    wanted = {difference.setting: difference.declared}
    if one.kind == "stream":
        config = (await bus.api(f"STREAM.INFO.{one.name}"))["config"]
        await bus.api(f"STREAM.UPDATE.{one.name}", {**config, **wanted})
        return
    config = (await bus.api(f"CONSUMER.INFO.{EVENTS.name}.{one.name}"))["config"]
    # The broker takes one filter or several, and not both.
    kept = {name: value for name, value in config.items() if name != _FILTER or difference.setting != f"{_FILTER}s"}
    body = {"stream_name": EVENTS.name, "config": {**kept, **wanted}}
    await bus.api(f"CONSUMER.CREATE.{EVENTS.name}.{one.name}", body)


def _compare(
    kind: Literal["stream", "consumer"],
    name: str,
    *,
    declared: Mapping[str, object],
    found: Mapping[str, object] | None,
) -> Compared:
    """Return what a declaration and what the broker holds come to."""
    if found is None:
        return Compared(kind=kind, name=name, state="missing")
    differing = unlike(declared, found)
    return Compared(kind=kind, name=name, state="differs" if differing else "as declared", unlike=differing)


async def _stream(bus: Bus, name: str) -> Mapping[str, Any] | None:
    """Return a stream's configuration, or None where there is no such stream."""
    try:
        found: Mapping[str, Any] = (await bus.api(f"STREAM.INFO.{name}"))["config"]
    except StreamMissing:
        return None
    return found


async def _held(bus: Bus, durable: Durable) -> Mapping[str, Any] | None:
    """Return a consumer's configuration, or None where there is no such consumer."""
    return await durables_.held(bus, stream=EVENTS.name, name=durable.name)


async def _durable_names(bus: Bus) -> list[str]:
    """Return the durable consumers of the events, of the first 256 consumers; a reader of one replay is none."""
    try:
        answer = await bus.api(f"CONSUMER.LIST.{EVENTS.name}", {"offset": 0})
    except StreamMissing:
        return []
    return sorted(one["name"] for one in answer["consumers"] or () if one["config"].get("durable_name"))
