"""What anvil needs that mines each transaction at once: it forgets one that comes while it mines.

Such a transaction stays in its pool, is called known when it is sent again, and no block ever takes it. Either it could
be mined and no block is made, or it is kept as one that waits for an earlier nonce, which a block just took.
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

LOOK_EVERY_S: Final = 1.0
ANSWERS_WITHIN_S: Final = 5.0
NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate, and needs none: to read the machine's takes longer than all that is asked here."""


@contextmanager
def nudged(url: str) -> Iterator[None]:
    """Have taken whatever could be mined at once and waits for longer than a look."""
    over = threading.Event()

    def nudge() -> None:
        """Look until told to end; a chain that is stopped or frozen needs nothing."""
        waited, stuck = False, frozenset[str]()
        with httpx.Client(base_url=url, timeout=ANSWERS_WITHIN_S, verify=NOBODY) as http:
            while not over.wait(LOOK_EVERY_S):
                try:
                    still, waits = _stuck(http), _could_be_mined(http)
                    for address in stuck & still:
                        _send_again(http, address)
                    if waits and waited:
                        _call(http, "evm_mine")
                except (httpx.HTTPError, KeyError):
                    waits, still = False, frozenset()
                waited, stuck = waits, still

    thread = threading.Thread(target=nudge, name="nudging anvil", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _could_be_mined(http: httpx.Client) -> bool:
    """Return whether something waits on a chain that mines at once."""
    return bool(_call(http, "anvil_getAutomine")) and _call(http, "txpool_status")["pending"] != "0x0"


def _stuck(http: httpx.Client) -> frozenset[str]:
    """Return the senders whose next nonce is kept as one that waits for an earlier one."""
    queued = _call(http, "txpool_content")["queued"]
    return frozenset(
        address
        for address, by_nonce in queued.items()
        if str(int(_call(http, "eth_getTransactionCount", address, "latest"), 16)) in by_nonce
    )


def _send_again(http: httpx.Client, address: str) -> None:
    """Take a sender's transactions out of the pool, and send them as if they were new."""
    by_nonce = _call(http, "txpool_content")["queued"][address]
    raws = [_call(http, "eth_getRawTransactionByHash", by_nonce[nonce]["hash"]) for nonce in sorted(by_nonce, key=int)]
    _call(http, "anvil_removePoolTransactions", address)
    for raw in raws:
        _call(http, "eth_sendRawTransaction", raw)


def _call(http: httpx.Client, method: str, *params: str) -> Any:  # noqa: ANN401  # parsed JSON
    """Return the result of one JSON-RPC call."""
    return http.post("/", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json()["result"]
