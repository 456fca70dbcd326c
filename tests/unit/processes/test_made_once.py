"""What an application makes of itself when somebody first asks: the document, and the pages of it."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from litestar import Litestar

from cashback.processes.api.openapi import made_once


class Making:
    """Something that takes until it may end, and counts how often it was begun."""

    def __init__(self) -> None:
        """Begin nothing yet."""
        self.begun = 0
        self.may_end = threading.Event()
        self.fails = False

    def __call__(self, app: Litestar) -> str:
        """Return what was made."""
        del app
        self.begun += 1
        assert self.may_end.wait(10)
        if self.fails:
            raise RuntimeError("it broke")
        return "made"


@pytest.fixture
def app() -> Litestar:
    """Give an application, as far as anything is kept in it."""
    return cast("Litestar", SimpleNamespace(state=dict[str, Any]()))


async def test_whoever_asks_meanwhile_waits_for_the_same(app: Litestar) -> None:
    """Nobody needs a key to ask, and a thread for each would be a burden on those who have one."""
    making = Making()
    asked = [asyncio.create_task(made_once(app, "pages", making)) for _ in range(64)]
    await asyncio.sleep(0)
    asked.pop().cancel()
    making.may_end.set()
    assert await asyncio.gather(*asked) == ["made"] * 63
    assert await made_once(app, "pages", making) == "made"
    assert making.begun == 1


async def test_what_broke_is_made_anew(app: Litestar) -> None:
    """By whoever asks next."""
    making = Making()
    making.fails = True
    making.may_end.set()
    with pytest.raises(RuntimeError, match="it broke"):
        await made_once(app, "pages", making)
    making.fails = False
    assert await made_once(app, "pages", making) == "made"
    assert making.begun == 2
