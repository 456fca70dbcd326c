"""What verbs over the REST API share: where it is, with which key, and how a command is repeated safely."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

import click

from cashback.cli.output import print_records, say
from cashback.cli.rest import RestSettings
from cashback.kernel.config import load
from cashback.kernel.ids import new_id

if TYPE_CHECKING:
    from cashback.processes.client import Client

idempotency_option = click.option(
    "--idempotency-key",
    "key",
    default=lambda: new_id("req"),
    help="Repeat the command safely under the same key; a new one when left out.",
)
LIMIT_MAX: Final = 200
limit_option = click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=50, show_default=True, help="How many, 1 to 200."
)

after_option = click.option("--after", metavar="CURSOR", help="Go on behind a page: the cursor that it ended with.")


@contextmanager
def api() -> Iterator["Client"]:
    """Yield a caller of the API that the settings name."""
    from cashback.processes.client import Client

    settings = load(RestSettings)
    with Client(settings.api_url, settings.api_key) as client:
        yield client


def part(text: str) -> str:
    """Return a part of a path, so that nothing in it leads elsewhere."""
    return quote(text, safe="")


def print_page(
    title: str,
    path: str,
    *,
    limit: int,
    as_json: bool,
    shown: Sequence[str] = (),
    asked: Mapping[str, str] | None = None,
    goes_on: bool = False,
) -> None:
    """Print a page of a list of the API, at most `limit` items, and say so when there are more.

    A table has the columns that are `shown`, all without; JSON has every member. A verb that `goes_on` asks for a page
    by its cursor.
    """
    with api() as client:
        page = client.get(f"{path}?{urlencode({'limit': str(limit), **(asked or {})})}")
    rows = [{name: item[name] for name in shown or item} for item in page["items"]]
    print_records(title, page["items"] if as_json else rows, as_json=as_json)
    say_whether_more(page["next_cursor"], limit=limit, goes_on=goes_on)


def say_whether_more(following: str | None, *, limit: int, goes_on: bool = False) -> None:
    """Say that there are more than the `limit` items shown where a place is `following`.

    And how to have them: a verb that `goes_on` takes that place by `--after`.
    """
    if following is not None and goes_on:
        say(f"there are more: --after {following}")
    elif following is not None:
        say("there are more: raise --limit" if limit < LIMIT_MAX else "there are more, over REST")
