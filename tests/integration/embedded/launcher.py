"""A launcher to be killed, doubled and run as somebody else: starts the servers, says where they are, and waits.

python launcher.py FOLDER ANVIL [paused]

It prints one line of JSON and ends cleanly when its standard input is closed.
"""

import json
import sys
from pathlib import Path

from cashback.processes.embedded import EmbeddedAnvil, EmbeddedNats, EmbeddedPostgres


def main(folder: Path, anvil: Path, *, paused: bool) -> None:
    """Run until nobody holds the other end of standard input."""
    with (
        EmbeddedPostgres(folder / "postgres", durable=False) as postgres,
        EmbeddedNats(folder / "nats", durable=False) as nats,
        EmbeddedAnvil(folder / "anvil", program=anvil) as chain,
    ):
        if paused:
            nats.pause()
            chain.pause()
        where = {
            "dsn": postgres.dsn(),
            "nats": nats.monitoring_url,
            "anvil": chain.url,
            "pids": [postgres.pid, nats.pid, chain.pid],
        }
        sys.stdout.write(json.dumps(where) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), paused="paused" in sys.argv[3:])
