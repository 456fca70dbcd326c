"""What verbs over the REST API share: where it is, with which key, and how a command is repeated safely."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from cashback.cli.purchases import RestSettings
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
