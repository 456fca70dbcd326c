"""What anvil needs that mines each transaction at once: it forgets one that comes while it mines.

The transaction stays in its pool, is called known when it is sent again, and no block ever takes it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

LOOK_EVERY_S: Final = 1.0
ANSWERS_WITHIN_S: Final = 5.0


@contextmanager
def nudged(url: str) -> Iterator[None]:
    """Have a block mined whenever something that could be mined at once waits for longer than a look."""
    over = threading.Event()

    def nudge() -> None:
        """Look until told to end; a chain that is stopped or frozen needs nothing."""
        waited = False
        with httpx.Client(base_url=url, timeout=ANSWERS_WITHIN_S) as http:
            while not over.wait(LOOK_EVERY_S):
                try:
                    waits = bool(_call(http, "anvil_getAutomine")) and _call(http, "txpool_status")["pending"] != "0x0"
                    if waits and waited:
                        _call(http, "evm_mine")
                except (httpx.HTTPError, KeyError):
                    waits = False
                waited = waits

    thread = threading.Thread(target=nudge, name="nudging anvil", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _call(http: httpx.Client, method: str) -> Any:  # noqa: ANN401  # parsed JSON
    """Return the result of one JSON-RPC call without parameters."""
    return http.post("/", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).json()["result"]
