"""A development chain without Docker: anvil, with its state in a data folder of one's own.

    data folder
    ├── state.json      the chain, written at the end and every so often, read at the start
    ├── cache/          anvil's own, which would otherwise fill the home folder
    └── anvil.log

After `stop` the chain goes on where it was; after `kill` from the last time the state was written, as a node does that
lost its newest blocks.
"""

import json
import signal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, Self

from cashback.processes.embedded.child import Child, Launch
from cashback.processes.embedded.facts import HOST, answers, listening_ports

CHAIN_ID: Final = 31_337

_ANSWER_WITHIN_S: Final = 10.0


class EmbeddedAnvil:
    """One development chain; all its calls block, and every one may be repeated.

    `port` 0 means any free one, kept over restarts. `block_time_s` None mines each transaction at once. A block is
    final when twice `slots_in_an_epoch` blocks are on top of it; reorgs must stay below `history_blocks`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        program: Path,
        port: int = 0,
        block_time_s: float | None = 1,
        slots_in_an_epoch: int = 2,
        gas_limit: int = 36_000_000,
        history_blocks: int = 64,
        state_interval_s: int = 30,
    ) -> None:
        """Start nothing yet; `data_dir` is made with the first start and may be one that served before."""
        self.port = port
        self._data_dir = data_dir.resolve()
        self._program = program
        self._options = {
            "chain-id": CHAIN_ID,
            **({} if block_time_s is None else {"block-time": f"{block_time_s:g}"}),
            "slots-in-an-epoch": slots_in_an_epoch,
            "gas-limit": gas_limit,
            # Without a number it writes the state of every block to the home folder, for ever.
            "prune-history": history_blocks,
            "state": self._data_dir / "state.json",
            "state-interval": state_interval_s,
            "cache-path": self._data_dir / "cache",
        }
        self._child = Child("anvil", self._data_dir / "anvil.log", self._prepare)
        # The server's life is its child's life.
        self.stop, self.kill, self.restart = self._child.stop, self._child.kill, self._child.restart
        self.abandon = self._child.abandon
        self.pause, self.resume = self._child.pause, self._child.resume

    def start(self) -> Self:
        """Return this chain, answering.

        Raises:
            ChildFailed: it could not be started; the detail says why.
        """
        self._child.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return the process id of the node.

        Raises:
            Conflict: it does not run.
        """
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the process exists, paused or not."""
        return self._child.is_running

    @property
    def exit_code(self) -> int | None:
        """Return what the process ended with the last time, minus the signal when one ended it; None before."""
        return self._child.exit_code

    @property
    def log(self) -> Path:
        """Return where the process writes what it has to say."""
        return self._data_dir / "anvil.log"

    @property
    def url(self) -> str:
        """Return the URL of JSON-RPC over HTTP."""
        return f"http://{HOST}:{self.port}"

    @property
    def websocket_url(self) -> str:
        """Return the URL of JSON-RPC over a websocket."""
        return f"ws://{HOST}:{self.port}"

    def mine_pending(self) -> None:
        """Mine a block now if a transaction waits for one, ahead of the clock; repeatable.

        Raises:
            OSError: the chain does not answer.
        """
        if int(self._call("txpool_status")["pending"], 16) > 0:
            self._call("evm_mine")

    def _call(self, method: str) -> Any:  # noqa: ANN401  # whatever the method returns
        """Return the result of a JSON-RPC method without parameters."""
        connection = HTTPConnection(HOST, self.port, timeout=_ANSWER_WITHIN_S)
        try:
            connection.request("POST", "/", body=_question(method), headers={"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())["result"]
        finally:
            connection.close()

    def _prepare(self) -> Launch:
        """Make the folder, and return how to start in it."""
        (self._data_dir / "cache").mkdir(parents=True, exist_ok=True)
        options = [part for name, value in self._options.items() for part in (f"--{name}", str(value))]
        return Launch(
            command=(
                *(str(self._program), "--host", HOST, "--port", str(self.port)),
                *("--enable-tx-gas-limit", "--quiet", *options),
            ),
            ready=self._is_ready,
            stop_signal=signal.SIGINT,  # it writes the state and ends
            death_signal=signal.SIGINT,
        )

    def _is_ready(self, pid: int) -> bool:
        """Tell whether this very process answers, and remember the port that it took."""
        for port in listening_ports(pid):
            if answers(port, "/", body=_question("eth_blockNumber")):
                self.port = port
                return True
        return False


def _question(method: str) -> str:
    """Return the JSON-RPC request of a method without parameters."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []})
