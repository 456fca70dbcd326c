"""`cashback dev` told to end at any moment of its start: everything ends, and nothing is left.

When it is up, the fixture `dev` tells it so; while purchases are posted, test_demo.
"""

import signal
from pathlib import Path
from typing import Final

import pytest

from cashback.cli.command import EXIT_INTERRUPTED
from tests.integration.cli.launch import launched

ENDS_WITHIN_S: Final = 30.0
"""Much less on a machine with nothing else to do; here the bound only tells an end from none."""

MOMENTS: Final = {
    "while it looks for anvil": ("finding anvil", signal.SIGINT),
    "while the servers start": ("starting PostgreSQL", signal.SIGTERM),
    "while schemas and contracts are made": ("deploying the token contracts", signal.SIGINT),
    "while the processes start": ("starting adapter", signal.SIGHUP),
}

LATEST: Final = frozenset({"while schemas and contracts are made", "while the processes start"})
"""Most is running then; the first tier tries these."""


@pytest.mark.parametrize(
    "moment", [pytest.param(one, marks=() if one in LATEST else pytest.mark.deep) for one in MOMENTS]
)
def test_told_to_end_it_stops_everything_and_leaves_nothing(moment: str, tmp_path: Path, anvil_program: Path) -> None:
    """No process of its own or of a server, no temporary folder; a second signal changes nothing."""
    said, number = MOMENTS[moment]
    with launched(tmp_path / "home", "dev", settings={"CASHBACK_ANVIL": str(anvil_program)}) as running:
        running.await_said(said)
        running.tell(number)
        running.tell(signal.SIGINT)
        assert running.ended(within_s=ENDS_WITHIN_S) == EXIT_INTERRUPTED, running.said
        assert running.survivors() == []
        assert list(running.scratch.iterdir()) == []
        assert "Traceback" not in running.said
        assert running.printed == ""


@pytest.mark.deep
def test_killed_it_takes_everything_along(tmp_path: Path, anvil_program: Path) -> None:
    """Nobody is there to stop the children, and none of them stays."""
    with launched(tmp_path / "home", "dev", settings={"CASHBACK_ANVIL": str(anvil_program)}) as running:
        running.await_said("starting adapter")
        running.tell(signal.SIGKILL)
        running.ended()
        running.await_gone()
