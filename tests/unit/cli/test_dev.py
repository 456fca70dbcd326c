"""What `cashback dev` says of a child that nobody stopped."""

from pathlib import Path

import pytest

from cashback.cli.dev import how_it_ended

LOG = Path("/data/logs/api.log")


@pytest.mark.parametrize(
    "code, said",
    [
        (0, "has ended with exit code 0; /data/logs/api.log says why"),
        (5, "has ended with exit code 5; /data/logs/api.log says why"),
        (-9, "was ended by SIGKILL from outside; /data/logs/api.log says what it did before"),
        (-40, "was ended by signal 40 from outside; /data/logs/api.log says what it did before"),
        (-15, "was ended by SIGTERM from outside; /data/logs/api.log says what it did before"),
    ],
)
def test_an_exit_code_and_a_signal_are_told_apart(code: int, said: str) -> None:
    """Only who ends by itself has written why."""
    assert how_it_ended(code, LOG) == said
