"""Who did what: every command that was done, by the API key that it came with."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from cashback.kernel.errors import Invalid

WINDOW_MAX: Final = timedelta(days=31)
"""The longest that a page of the log looks back over."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was done: when, with which API key, in whose name, what it is called, and what came of it.

    `merchant_id` is null for the operator's own. `key_id` is null for what came from the command line; `what` and
    `resource` are null for what was done before they were written down, `resource` also where there is nothing to name.
    """

    at: datetime
    key_id: str | None
    merchant_id: str | None
    what: str | None
    resource: str | None


class WindowInvalid(Invalid):
    """The log is asked for over no time, or over more than 31 days at once."""

    code = "window_invalid"
