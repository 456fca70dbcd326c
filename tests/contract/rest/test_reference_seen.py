"""The reference in a browser: as wide as the window, light or dark, by keyboard, on paper, and from nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cashback.processes.embedded import HOST
from tests.contract.rest.served import Served, serving
from tests.integration.ledger.world import Dsns
from tests.support.chromium import CHROMIUM, Tab, open_tab

pytestmark = [
    pytest.mark.deep,
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium` is installed (Debian: apt-get install chromium)"),
]

PAGES: Final = (
    "",
    "/purchases",
    "/users",
    "/rulesets",
    "/webhooks",
    "/schemas",
    "/problems",
    "/problems/purchase_exists",
)
NARROW, MIDDLE, WIDE = 400, 1_000, 1_600
WAYS_SEEN: Final = "document.querySelector('.frame > nav li a').checkVisibility()"
FOCUSED: Final = "document.activeElement.outerHTML.split('>')[0]"


@pytest.fixture(scope="module")
def served(dsns: Dsns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a running API."""
    with serving(dsns, tmp_path_factory.mktemp("reference")) as running:
        yield running


def address(served: Served, page: str) -> str:
    """Return where a page is."""
    return f"http://{HOST}:{served.process.port}/docs{page}"


async def test_every_page_fits_its_window_and_asks_nobody_else(served: Served, tmp_path: Path) -> None:
    """Nothing has to be moved sideways, the browser has no complaint, and each reader has their ground."""
    grounds = {}
    async with open_tab(tmp_path) as tab:
        for width in (NARROW, MIDDLE, WIDE):
            for is_dark in (False, True):
                await tab.look(width=width, is_dark=is_dark)
                for page in PAGES:
                    await tab.visit(address(served, page))
                    assert await tab.find("document.documentElement.scrollWidth") <= width, (page, width)
                    assert await tab.find("document.styleSheets.length") == 1
                grounds[is_dark] = await tab.find("getComputedStyle(document.body).backgroundColor")
    ours = f"http://{HOST}:{served.process.port}/"
    assert {one for one in tab.asked if not one.startswith(ours)} == set()
    assert {one.removeprefix(ours) for one in tab.asked} <= {f"docs{page}" for page in (*PAGES, "/style.css")}
    assert tab.complaints == []
    assert grounds[False] != grounds[True]


async def test_all_pages_are_led_to_in_any_window(served: Served, tmp_path: Path) -> None:
    """A wide one always shows the way; in a narrow one a key unfolds it."""
    async with open_tab(tmp_path) as tab:
        for width, is_seen in ((WIDE, True), (MIDDLE, True), (NARROW, False)):
            await tab.look(width=width)
            await tab.visit(address(served, "/users"))
            assert await tab.find(WAYS_SEEN) is is_seen
        for _ in range(3):
            await tab.press("Tab")
        assert await tab.find(FOCUSED) == "<summary"
        await tab.press("Enter")
        assert await tab.find(WAYS_SEEN) is True


async def test_the_keyboard_goes_past_what_all_pages_have(served: Served, tmp_path: Path) -> None:
    """The first key shows a way to the text, and the focus goes there."""
    async with open_tab(tmp_path) as tab:
        await tab.look(width=WIDE)
        await tab.visit(address(served, "/users"))
        await tab.press("Tab")
        assert 'class="skip"' in await tab.find(FOCUSED)
        assert await tab.find("document.activeElement.getBoundingClientRect().top") >= 0
        await tab.press("Enter")
        assert (await tab.find("location.hash"), await is_in_main(tab)) == ("#text", True)
        await tab.press("Tab")
        assert await is_in_main(tab)
        assert await tab.find("getComputedStyle(document.activeElement).outlineStyle") == "solid"


async def is_in_main(tab: Tab) -> bool:
    """Tell whether the focus is in the text of the page."""
    return bool(await tab.find("document.querySelector('main').contains(document.activeElement)"))


async def test_a_page_is_printed_whole(served: Served, tmp_path: Path) -> None:
    """What is folded is on the paper as well, and what leads elsewhere is not."""
    inner = "[...document.querySelectorAll('main details > :not(summary)')].every(one => one.checkVisibility())"
    async with open_tab(tmp_path) as tab:
        await tab.look(width=MIDDLE)
        await tab.visit(address(served, "/purchases"))
        assert await tab.find(inner) is False
        await tab.look(width=MIDDLE, media="print", is_dark=True)
        assert await tab.find(inner) is True
        assert await tab.find("getComputedStyle(document.querySelector('.frame > nav')).display") == "none"
        assert await tab.find("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        printed = await tab.call("Page.printToPDF")
        assert len(printed["data"]) > 10_000
