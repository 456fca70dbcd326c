"""Write src/cashback/processes/api/examples.json anew, on a server of its own."""

import asyncio
import tempfile
from pathlib import Path

from cashback.processes.embedded import EmbeddedPostgres
from tests.contract.rest.examples.recording import FILE, recorded, text_of
from tests.integration.ledger.world import fresh_database
from tests.support.servers import Databases


def main() -> None:
    """Record and write."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "postgres", durable=False) as server,
        fresh_database(Databases(server)) as dsns,
    ):
        FILE.write_text(text_of(asyncio.run(recorded(dsns))))


if __name__ == "__main__":
    main()
