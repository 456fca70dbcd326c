"""Serve the peer: `build/peer/bin/python -m tests.benchmarks.peers.fastapi_orm`, from the root of the repository.

It is told by PEER_DSN, PEER_PEPPER, PEER_PORT and PEER_CONNECTIONS: where the database is, under what keys were hashed,
where to listen, and how many transactions run at a time. One process, as ours; uvicorn with uvloop and httptools, and
with our patience for a connection that is kept alive.
"""

import os

import uvicorn

from tests.benchmarks.peers.fastapi_orm.app import Settings, application


def main() -> None:
    """Serve until a signal ends it."""
    given = os.environ
    settings = Settings(
        dsn=given["PEER_DSN"].replace("postgresql://", "postgresql+psycopg://", 1),
        pepper=given["PEER_PEPPER"],
        connections=int(given["PEER_CONNECTIONS"]),
    )
    uvicorn.run(
        application(settings),
        host="127.0.0.1",
        port=int(given["PEER_PORT"]),
        loop="uvloop",
        http="httptools",
        timeout_keep_alive=30,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
