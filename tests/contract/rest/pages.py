"""Following a list over REST from page to page."""

from typing import Any

from tests.contract.rest.world import Caller


async def pages_of(caller: Caller, path: str, **query: object) -> list[list[dict[str, Any]]]:
    """Return what is on every page of a list, from the first one on."""
    pages: list[list[dict[str, Any]]] = []
    cursor: dict[str, str] = {}
    while True:
        response = await caller.get(path, params={**query, **cursor})
        assert response.status_code == 200, response.text
        page = response.json()
        pages.append(page["items"])
        if page["next_cursor"] is None:
            return pages
        cursor = {"cursor": page["next_cursor"]}


async def listed(caller: Caller, path: str, **query: object) -> list[str]:
    """Return the ids of everything in a list, in its order."""
    return [item["id"] for page in await pages_of(caller, path, **query) for item in page]
