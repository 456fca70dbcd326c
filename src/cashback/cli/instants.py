"""Instants on a command line."""

from datetime import datetime

import click

from cashback.kernel.instants import WANTED, is_in_range


def instant(text: str, option: str) -> datetime:
    """Return the instant that an option names.

    Raises:
        UsageError: it names none, one without its offset, or one out of range.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as cause:
        raise click.UsageError(f"{option} is no instant in RFC 3339: {text}") from cause
    if found.tzinfo is None:
        raise click.UsageError(f"{option} needs its offset, such as Z: {text}")
    if not is_in_range(found):
        raise click.UsageError(f"{option} is out of range, {WANTED}: {text}")
    return found
