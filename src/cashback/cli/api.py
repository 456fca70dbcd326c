"""What verbs over the REST API share: where it is, with which key, and how a command is repeated safely."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import click
import msgspec
from msgspec import UNSET, UnsetType

from cashback.cli.output import print_facts, print_json, print_records, say
from cashback.cli.rest import RestSettings
from cashback.kernel.config import load
from cashback.kernel.ids import new_id

if TYPE_CHECKING:
    from cashback.client import Call
    from cashback.processes.client import Client

T = TypeVar("T")
PageT = TypeVar("PageT", bound="Page")

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


class Page(Protocol):
    """One page of a list of the API."""

    @property
    def items(self) -> Sequence[msgspec.Struct]:
        """What is on it."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next one begins, None on the last one."""


@contextmanager
def api() -> Iterator["Client"]:
    """Yield a caller of the API that the settings name."""
    from cashback.processes.client import Client

    settings = load(RestSettings)
    with Client(settings.api_url, settings.api_key) as client:
        yield client


def ask(call: "Call[T]") -> T:
    """Return what the API tells when it is asked this once."""
    with api() as client:
        return client.send(call)


def edit(seen: "Call[Any]", change: "Callable[[str], Call[T]]") -> T:
    """Return the answer to an edit, done unless somebody changes what is `seen` in this very moment."""
    with api() as client:
        return client.send(change(client.answer(seen).entity_tag or ""))


def given(value: T | None) -> T | UnsetType:
    """Return what was given on the command line as a body takes it; what was not is left out."""
    return UNSET if value is None else value


def body_of(kind: Callable[..., T], /, **terms: object) -> T:
    """Return a body made of options, without those that were not given."""
    return kind(**{name: value for name, value in terms.items() if value is not None})


def facts(told: msgspec.Struct, *, but: Collection[str] = ()) -> dict[str, object]:
    """Return what was told as names beside values, as JSON has them, `but` for those that are shown elsewhere.

    What the API left out is not among them.
    """
    named: dict[str, object] = msgspec.to_builtins(told)
    return {name: value for name, value in named.items() if name not in but}


def print_answer(title: str, told: msgspec.Struct, *, as_json: bool) -> None:
    """Print an answer for programs or for people."""
    if as_json:
        print_json(told)
    else:
        print_facts(title, facts(told))


def print_told(title: str, records: Sequence[msgspec.Struct], *, as_json: bool, shown: Sequence[str] = ()) -> None:
    """Print records; a table has the columns that are `shown`, all without, and JSON has every member."""
    rows = [facts(one) for one in records]
    print_records(title, rows if as_json else [_row(one, shown) for one in rows], as_json=as_json)


def print_page(
    title: str, call: "Call[PageT]", *, limit: int, as_json: bool, shown: Sequence[str] = (), goes_on: bool = False
) -> None:
    """Print a page of a list of the API, at most `limit` items, and say so when there are more.

    A table has the columns that are `shown`, all without; JSON has every member. A verb that `goes_on` asks for a page
    by its cursor.
    """
    page = ask(call)
    print_told(title, page.items, as_json=as_json, shown=shown)
    say_whether_more(page.next_cursor, limit=limit, goes_on=goes_on)


def say_whether_more(following: str | None, *, limit: int, goes_on: bool = False) -> None:
    """Say that there are more than the `limit` items shown where a place is `following`.

    And how to have them: a verb that `goes_on` takes that place by `--after`.
    """
    if following is not None and goes_on:
        say(f"there are more: --after {following}")
    elif following is not None:
        say("there are more: raise --limit" if limit < LIMIT_MAX else "there are more, over REST")


def _row(record: dict[str, object], shown: Sequence[str]) -> dict[str, object]:
    """Return the columns of a record that are shown; what was left out is empty."""
    return {name: record.get(name) for name in shown} if shown else record
