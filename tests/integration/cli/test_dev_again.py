"""`cashback dev` in a folder that served before, whatever state it was left in: it comes up, and says what is wrong."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_UNAVAILABLE
from cashback.kernel.clock import SystemClock
from cashback.processes import minting_standing
from cashback.processes.embedded import eventually
from tests.integration.cli.conftest import STOPS_WITHIN_S, UP, Cashback, settings_in
from tests.integration.cli.launch import WITHIN_S, Launched, launched

SAVED_EVERY_S: Final = 30.0
"""How often a chain writes itself down (anvil's `--state-interval`); what came since then a kill takes with it."""

MISSED_AFTER_MS: Final = 2_000
"""How long a mint worker may say nothing here until it is missed; nobody waits the usual ten seconds."""

LOST_S: Final = 8.0
"""How much of it is to be lost at least: 32 blocks."""


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
    tmp_path: Path, anvil_program: Path, cashback: Cashback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readiness does not wait for a person; who halted is told, the settings are fresh, and lifting the halt works.

    The one that is halted while it is up says so too, and the one that goes on that it does. Then its mint worker is
    killed, and seen to be missing.
    """
    folder = tmp_path / "data"

    def says(verb: tuple[str, ...], words: str) -> bool:
        """Tell whether a verb finds a difference, in these words."""
        said = cashback(*verb, settings=settings_in(folder / "dev.env"))
        return said.code == EXIT_DIFFERENCE and words in " ".join(said.out.split())

    with dev_in(folder, tmp_path / "first", anvil_program) as first:
        assert "needs a person" not in first.printed
        before = settings_in(folder / "dev.env")
        halted = cashback("chain", "halt", "--by", "alice", "--reason", "going home", settings=before)
        assert halted.code == 0, halted.err
        first.await_said(
            "· adapter: minting is halted by hand; once that is mended, `cashback chain resume --reason WHY`"
        )
        first.await_said("· worker-mint: minting is halted by hand: going home; once that is mended")
    with dev_in(folder, tmp_path / "second", anvil_program) as second:
        settings = settings_in(folder / "dev.env")
        assert settings["CASHBACK_ADAPTER_ADDRESS"] in second.printed
        assert "adapter, minting      minting is halted by hand" in second.printed
        assert "worker-mint, minting  minting is halted by hand: going home" in second.printed
        assert 'cashback chain resume --reason "why"' in second.printed
        strayed = cashback("mint", "list", settings=before)
        assert strayed.code == EXIT_UNAVAILABLE
        assert strayed.err == (
            "cashback: database_unavailable: the database did not answer: nothing listens at its address; the addresses"
            " here are not those in the `dev.env` of their `cashback dev`: load them again:"
            f" set -a; . {folder}/dev.env; set +a\n"
        )
        resumed = cashback("chain", "resume", "--by", "bob", "--reason", "back again", settings=settings)
        assert resumed.code == 0, resumed.err
        second.await_said("· minting goes on: every halt is lifted")
        assert ": minting is halted" not in second.said
        assert cashback("doctor", settings=settings).code == 0
        assert cashback("chain", "status", settings=settings).code == 0
        os.kill(pid_of(second, "mint"), signal.SIGKILL)
        monkeypatch.setattr(minting_standing, "TOLD_WITHIN_MS", MISSED_AFTER_MS)
        for verb in (("doctor",), ("chain", "status")):
            assert eventually(lambda: says(verb, "no mint worker has told the adapter anything"), within_s=WITHIN_S)  # noqa: B023  # awaited here


@pytest.mark.deep
def test_a_folder_whose_chain_has_lost_final_blocks_comes_up_and_can_be_recovered(
    tmp_path: Path, anvil_program: Path, cashback: Cashback
) -> None:
    """A node killed by -9 comes back without its newest blocks: seen as wrong, halted, told at the start, mended."""
    folder = tmp_path / "data"
    state = folder / "anvil" / "state.json"

    def has_compared_what_is_not_saved() -> bool:
        """Tell whether ledger and chain were compared at blocks that a kill loses, many of them final."""
        if cashback("reconcile", settings=before).code != 0 or not state.exists():
            return False
        return LOST_S <= SystemClock().now().timestamp() - state.stat().st_mtime < SAVED_EVERY_S - LOST_S

    def doctor_says(*words: str) -> bool:
        """Tell whether the doctor finds something wrong, in some of these words."""
        said = cashback("doctor", settings=settings_in(folder / "dev.env"))
        return said.code == EXIT_DIFFERENCE and any(word in said.out for word in words)

    with dev_in(folder, tmp_path / "first", anvil_program) as first:
        before = settings_in(folder / "dev.env")
        assert eventually(has_compared_what_is_not_saved, within_s=WITHIN_S)
        [anvil] = first.pids_of("anvil")
        os.kill(anvil, signal.SIGKILL)
    with dev_in(folder, tmp_path / "second", anvil_program) as second:
        halted = "minting is halted: reorganised_below_final"
        assert eventually(lambda: doctor_says("that was final", halted), within_s=WITHIN_S)
        assert eventually(lambda: doctor_says(halted), within_s=WITHIN_S)
        if halted not in second.printed:  # it came after the start, which told of nothing
            why = "the nodes have other blocks than were final: `cashback chain recover"
            second.await_said(f"· adapter: {halted}; {why}")
    with dev_in(folder, tmp_path / "third", anvil_program) as third:
        assert "adapter, minting  minting is halted: reorganised_below_final" in third.printed
        settings = settings_in(folder / "dev.env")
        for verb in ("recover", "resume"):
            said = cashback("chain", verb, "--by", "bob", "--reason", "the node lost blocks", settings=settings)
            assert said.code == 0, said.err
        # What earlier runs had compared stood in blocks that were lost: told until a whole run has found no difference.
        assert eventually(lambda: cashback("reconcile", "--whole", settings=settings).code == 0, within_s=WITHIN_S)
        assert cashback("reconcile", settings=settings).code == 0


def test_dev_says_of_every_server_and_process_how_it_ended(
    tmp_path: Path, anvil_program: Path, cashback: Cashback
) -> None:
    """Servers too; one that was killed has written nothing, and what to do next is told.

    Verbs say that nobody listens, and not that they have been given wrong addresses.
    """
    folder = tmp_path / "data"
    with dev_in(folder, tmp_path / "home", anvil_program) as running:
        settings = settings_in(folder / "dev.env")
        for program, name in (("anvil", "the chain (anvil)"), ("nats-server", "NATS"), ("postgres", "PostgreSQL")):
            os.kill(min(running.pids_of(program)), signal.SIGKILL)
            running.await_said(f"· {name} was ended by SIGKILL from outside; {folder}/")
        os.kill(pid_of(running, "api"), signal.SIGKILL)
        running.await_said(f"· api was ended by SIGKILL from outside; {folder}/logs/api.log says what it did before")
        for verb in (("mint", "list"), ("dlq", "list"), ("webhook", "list")):
            said = cashback(*verb, settings=settings)
            assert (said.code, said.err.endswith("nothing listens at its address\n")) == (EXIT_UNAVAILABLE, True), said
        again = f"press Ctrl-C, then start `cashback dev --folder {folder} --block-time 0.25`"
        assert running.said.count(f"it is not started again by itself: {again}") >= 4
    assert f"everything is stopped; the folder keeps its data, and goes on with `cashback dev --folder {folder}" in (
        running.said
    )


def pid_of(running: Launched, verb: str) -> int:
    """Return the one process of ours whose command line ends with this word."""
    pids = running.pids_of(Path(sys.executable).name)
    [found] = [pid for pid in pids if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2] == verb.encode()]
    return found
