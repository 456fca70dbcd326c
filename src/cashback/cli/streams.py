"""`cashback streams`: what is declared beside what the broker holds; changed at a person's word alone."""

from typing import TYPE_CHECKING, Final

import click
import msgspec

from cashback.cli.broker import with_bus
from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_json, print_records, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cashback.kernel.bus import Bus
    from cashback.kernel.bus.declare import Compared, Refusal

_DURATIONS: Final = frozenset({"max_age", "duplicate_window", "ack_wait"})
_NS_IN: Final = {"d": 86_400 * 10**9, "h": 3_600 * 10**9, "min": 60 * 10**9, "s": 10**9, "ms": 10**6, "ns": 1}
_BYTES: Final = frozenset({"max_bytes", "max_msg_size"})
_BYTES_IN: Final = {"GiB": 1024**3, "MiB": 1024**2, "KiB": 1024, "bytes": 1}


@click.group()
def streams() -> None:
    """Compare the broker's streams and durable consumers with their declaration, and bring them there.

    Example: cashback streams diff
    """


@streams.command(short_help="Show what differs from the declaration; change nothing.")
@json_option
def diff(as_json: bool) -> int:  # noqa: FBT001  # click hands flags over by name
    """Show how the broker holds each stream and durable consumer, and each setting that differs; change nothing.

    Exits with 3 when something is missing or differs.

    Example: cashback streams diff
    """
    from cashback.kernel.bus import declare
    from cashback.processes.durables import DURABLES

    compared = with_bus(lambda bus: declare.compare(bus, DURABLES))
    if as_json:
        print_json(compared)
    else:
        _show(compared)
    return 0 if all(one.is_well for one in compared) else EXIT_DIFFERENCE


@streams.command(short_help="Create what is missing; with --change, change what differs.")
@click.option("--change", is_flag=True, help="Also change the settings that differ.")
@click.option("--yes", is_flag=True, help="Do not ask before that.")
@json_option
def apply(change: bool, yes: bool, as_json: bool) -> int:  # noqa: FBT001  # as above
    """Create the streams and durable consumers that are missing, and show what differs in those that are there.

    Only with --change are settings changed: those that were shown, once a person has said so. To lower an age drops
    what is older at once. Some settings (storage) NATS never changes, which is told. Exits with 3 while something
    differs.

    Example: cashback streams apply
    """
    from cashback.kernel.bus import declare
    from cashback.processes.durables import DURABLES

    async def bring(bus: "Bus") -> "tuple[list[str], Sequence[Compared]]":
        """Create, then compare."""
        return await declare.create(bus, DURABLES), await declare.compare(bus, DURABLES)

    created, compared = with_bus(bring)
    refused: Sequence[Refusal] = ()
    for name in created:
        say(f"created {name}")
    seen = [one for one in compared if one.unlike]
    if change and seen:
        if not as_json:
            _show(compared)
        if not yes:
            click.confirm("Change these settings to what is declared?", abort=True, err=True)
        refused, compared = with_bus(lambda bus: _change(bus, seen))
    if as_json:
        print_json({"created": created, "refused": refused, "compared": compared})
    else:
        _show(compared)
        for one in refused:
            say(f"not changed: {one.name}: {one.reason}")
    return 0 if all(one.is_well for one in compared) else EXIT_DIFFERENCE


async def _change(bus: "Bus", seen: "Sequence[Compared]") -> "tuple[Sequence[Refusal], Sequence[Compared]]":
    """Change what was seen, and compare anew."""
    from cashback.kernel.bus import declare
    from cashback.processes.durables import DURABLES

    refused = await declare.change(bus, seen)
    return refused, await declare.compare(bus, DURABLES)


def _show(compared: "Sequence[Compared]") -> None:
    """Print how each is held, and below it what differs."""
    rows = [{"kind": one.kind, "name": one.name, "state": one.state} for one in compared]
    print_records("streams and durable consumers", rows, as_json=False)
    settings = [
        {
            "of": one.name,
            "setting": each.setting,
            "found": readable(each.setting, each.found),
            "declared": readable(each.setting, each.declared),
        }
        for one in compared
        for each in one.unlike
    ]
    if settings:
        click.echo()
        print_records("what differs", settings, as_json=False)


def readable(setting: str, value: object) -> str:
    """Return a setting's value as a person reads it: durations and sizes in the largest unit that tells them whole.

    >>> readable("max_age", 604_800_000_000_000)
    '7 d'
    >>> readable("max_bytes", -1)
    'no limit'
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            return "no limit"
        units = _NS_IN if setting in _DURATIONS else _BYTES_IN if setting in _BYTES else {}
        unit = next((name for name, size in units.items() if value and value % size == 0), None)
        return f"{value:,}" if unit is None else f"{value // units[unit]:,} {unit}"
    if value is None:
        return "not set"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
