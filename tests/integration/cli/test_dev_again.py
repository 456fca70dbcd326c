"""`cashback dev` in a folder that served before, whatever state it was left in: it comes up, and says what is wrong."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.cli.conftest import STOPS_WITHIN_S, UP, Cashback, settings_in
from tests.integration.cli.launch import Launched, launched


@contextmanager
def dev_in(folder: Path, home: Path, anvil: Path) -> Iterator[Launched]:
    """Give a `cashback dev` that is up, and stop it as a person does."""
    words = ("dev", "--folder", str(folder), "--block-time", "0.25")
    with launched(home, *words, settings={"CASHBACK_ANVIL": str(anvil)}) as running:
        running.await_said(UP)
        yield running
        running.tell(signal.SIGINT)
        assert running.ended(within_s=STOPS_WITHIN_S) == 0, running.said


def test_a_folder_that_was_left_halted_comes_up_and_says_how_to_lift_it(
    tmp_path: Path, anvil_program: Path, cashback: Cashback
) -> None:
    """Readiness does not wait for a person; who halted is told, the settings are fresh, and lifting the halt works."""
    folder = tmp_path / "data"
    with dev_in(folder, tmp_path / "first", anvil_program) as first:
        assert "needs a person" not in first.printed
        before = settings_in(folder / "dev.env")
        halted = cashback("chain", "halt", "--by", "alice", "--reason", "going home", settings=before)
        assert halted.code == 0, halted.err
    with dev_in(folder, tmp_path / "second", anvil_program) as second:
        settings = settings_in(folder / "dev.env")
        assert settings["CASHBACK_ADAPTER_ADDRESS"] in second.printed
        assert "adapter, minting      minting is halted: by_hand" in second.printed
        assert "worker-mint, minting  minting is halted by by_hand: going home" in second.printed
        assert 'cashback chain resume --reason "why"' in second.printed
        resumed = cashback("chain", "resume", "--by", "bob", "--reason", "back again", settings=settings)
        assert resumed.code == 0, resumed.err
        assert cashback("doctor", settings=settings).code == 0
