"""`cashback clock`: the business time of one `cashback dev`, shown and moved: nobody waits for a hold to end."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from cashback.cli.output import json_option, print_facts, print_json
from cashback.kernel.clock import ClockInvalid, ClockSettings, MovedClock, SystemClock, advance, ahead
from cashback.kernel.config import SettingsInvalid, load
from cashback.kernel.instants import WANTED, is_in_range

_SPAN: Final = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>[smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class _Span(click.ParamType[timedelta]):
    """A span of time such as `30d`."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the span, or fail with what is wanted."""
        if isinstance(value, timedelta):
            return value
        found = _SPAN.fullmatch(str(value))
        try:
            return timedelta(**{_UNITS[found["unit"]]: int(found["number"])}) if found else self._refuse(param, ctx)
        except OverflowError:
            return self._refuse(param, ctx)

    def _refuse(self, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Fail, saying what a span looks like."""
        return self.fail("say a number and a unit of s, m, h, d or w, such as 30d", param, ctx)


@click.group()
def clock() -> None:
    """Show the business time of a `cashback dev`, and move it: holds end, and what waits for a wallet expires.

    Leases, timeouts, the broker and the chain stay on the machine's time.

    Example: cashback clock advance 30d
    """


@clock.command()
@json_option
def show(as_json: bool) -> None:  # noqa: FBT001  # click hands flags over by name
    """Show what time it is, and how far that is ahead of the machine's.

    Example: cashback clock show
    """
    _tell(_file(), as_json=as_json)


@clock.command("advance")
@click.argument("span", type=_Span())
@json_option
def advance_by(span: timedelta, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Move time forward for every process of the stack at once.

    Example: cashback clock advance 30d
    """
    file = _file()
    advance(file, span)
    _tell(file, as_json=as_json)


@clock.command("set")
@click.argument("time")
@json_option
def set_to(time: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Move time forward to an instant of RFC 3339.

    Example: cashback clock set 2099-01-01T00:00:00Z
    """
    file = _file()
    advance(file, _instant(time) - MovedClock(file).now())
    _tell(file, as_json=as_json)


def _file() -> Path:
    """Return the file that holds how far time is ahead.

    Raises:
        SettingsInvalid: there is none, or it is not allowed here.
    """
    settings = load(ClockSettings)
    if not settings.clock_path:
        problem = "CASHBACK_CLOCK_PATH is required: only a `cashback dev` has one, in its settings"
        raise SettingsInvalid([problem], missing=["CASHBACK_CLOCK_PATH"])
    return Path(settings.clock_path)


def _instant(text: str) -> datetime:
    """Return an instant with its offset.

    Raises:
        ClockInvalid: the text is none.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as cause:
        raise ClockInvalid("say an instant of RFC 3339, such as 2026-12-24T00:00:00Z") from cause
    if instant.tzinfo is None:
        raise ClockInvalid("the time must name its offset, such as 2026-12-24T00:00:00Z")
    if not is_in_range(instant):
        raise ClockInvalid(WANTED)
    return instant.astimezone(UTC)


def _tell(file: Path, *, as_json: bool) -> None:
    """Print what time it is."""
    told = {
        "now": MovedClock(file).now(),
        "machine": SystemClock().now(),
        "ahead_s": str(int(ahead(file).total_seconds())),
    }
    if as_json:
        print_json(told)
    else:
        print_facts("business time", told)
