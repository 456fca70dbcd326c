"""The way out, with the rules that say where it leads."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from cashback.webhooks.gateway import Names, Post
from cashback.webhooks.gateway.post import WITHIN_S
from cashback.webhooks.rules.addresses import may_connect, problem_of_url


@asynccontextmanager
async def open_post(
    *, allow_loopback: bool, names: Names | None = None, tls: ssl.SSLContext | None = None, within_s: float = WITHIN_S
) -> AsyncIterator[Post]:
    """Yield what posts to public addresses, and to this machine's own too if `allow_loopback`: in development.

    `names`, and whom `tls` trusts, are the system's when none are given.
    """

    def is_allowed(url: str) -> bool:
        """Tell whether nothing is wrong with a URL."""
        return problem_of_url(url, allow_loopback=allow_loopback) is None

    connects = partial(may_connect, allow_loopback=allow_loopback)
    async with Post.opened(
        is_allowed=is_allowed, may_connect=connects, names=names, tls=tls, within_s=within_s
    ) as post:
        yield post
