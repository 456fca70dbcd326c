"""One examination: asked, waited for, and told in a sentence whatever becomes of it."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Final

import msgspec
import psycopg

from cashback.kernel.errors import CashbackError

ANSWER_WITHIN_S: Final = 3.0

OVERDUE: Final = timedelta(minutes=1)
"""A relay or worker looks each second at least: what was due so long ago, nobody does."""

NAMED_MAX: Final = 5
"""So many of them are named."""


class Examined(msgspec.Struct, frozen=True):
    """One dependency: whether it is well, and what it said."""

    what: str
    is_well: bool
    detail: str


async def ask(what: str, answer: Awaitable[str]) -> Examined:
    """Wait for one answer; an answer is well, a failure is told."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return Examined(what, is_well=True, detail=await answer)
    except CashbackError as error:
        return Examined(what, is_well=False, detail=error.detail)
    except psycopg.Error as error:
        # No table, no right to read it, no such database: a person has to see the server's own words.
        words = str(error).strip().splitlines() or [type(error).__name__]
        return Examined(what, is_well=False, detail=words[0])
    except TimeoutError:
        return Examined(what, is_well=False, detail=f"no answer within {ANSWER_WITHIN_S:g} s")
