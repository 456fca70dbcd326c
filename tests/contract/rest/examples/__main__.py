"""Write src/cashback/processes/api/examples.json anew, on a server of its own."""

import asyncio
import tempfile
from contextlib import closing
from pathlib import Path

from tests.contract.rest.examples.recording import FILE, recorded, text_of
from tests.integration.ledger.world import fresh_database
from tests.support.servers import Databases, shared_postgres


def main() -> None:
    """Record and write."""
    with (
        tempfile.TemporaryDirectory() as folder,
        shared_postgres(Path(folder) / "postgres") as server,
        closing(Databases(server)) as databases,
        fresh_database(databases) as dsns,
    ):
        FILE.write_text(text_of(asyncio.run(recorded(dsns))))


if __name__ == "__main__":
    main()
