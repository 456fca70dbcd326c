"""`cashback dev`: what it prints can be read, and what it says to try next works when it is pasted."""

import re
import stat
import subprocess

import pytest

from cashback.cli.command import EXIT_REJECTED
from cashback.processes.stack import PROCESSES
from tests.integration.cli.conftest import Cashback, Dev
from tests.integration.cli.launch import WITHIN_S

COLUMNS = 100


def tried(printed: str) -> list[str]:
    """Return the commands that are printed to be tried, in order, each as it would be pasted."""
    block = printed.split("try next, in another terminal", 1)[1]
    lines = [line.removeprefix("  ") for line in block.splitlines() if line and not line.startswith("  # ")]
    return re.split(r"(?<!\\)\n", "\n".join(lines))


def test_what_dev_prints_fits_a_narrow_terminal(dev: Dev) -> None:
    """At 100 columns nothing is folded but a path that is longer than that."""
    wide = [line for line in dev.launched.printed.splitlines() if len(line) > COLUMNS]
    assert [line for line in wide if str(dev.folder) not in line and "cdnow.csv" not in line] == []


def test_dev_says_where_everything_is(dev: Dev) -> None:
    """Addresses, keys, logs and the file of settings, which nobody else may read."""
    for name in ("API_URL", "API_KEY", "ADAPTER_ADDRESS", "RPC_URLS", "TOKEN_ADDRESS", "MINTER_ADDRESS"):
        assert dev.settings[f"CASHBACK_{name}"] in dev.launched.printed
    assert all(f"  {name}" in dev.launched.printed for name in PROCESSES)
    assert stat.S_IMODE((dev.folder / "dev.env").stat().st_mode) == 0o600
    assert sorted(log.stem for log in (dev.folder / "logs").iterdir()) == sorted(PROCESSES)


def test_a_second_dev_on_the_same_folder_is_refused_at_once(dev: Dev, cashback: Cashback) -> None:
    """Exit code 4 before anything is started; the first goes on, and its settings stay."""
    settings = (dev.folder / "dev.env").read_text()
    said = cashback("dev", "--folder", str(dev.folder), settings={})
    assert (said.code, said.out) == (EXIT_REJECTED, "")
    assert said.err == (
        f"cashback: folder_in_use: another `cashback dev`, process {dev.launched.process.pid},"
        f" uses {dev.folder}; stop it or name another --folder\n"
    )
    assert (dev.folder / "dev.env").read_text() == settings


def paste(commands: list[str]) -> tuple[list[str], str]:
    """Run commands in one shell, one after the other; return what each exited with, and all that was told."""
    script = "".join(f'{line}\necho "exit $?" >&3\n' for line in commands)
    words = ["sh", "-c", f"exec 3>&1 >/dev/null; {script}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    return done.stdout.splitlines(), done.stderr


def test_every_command_that_dev_prints_works_when_it_is_pasted(dev: Dev) -> None:
    """In one shell, with the settings that the first one loads; the long import is of the second tier."""
    commands = [line for line in tried(dev.launched.printed) if not line.startswith("cashback import")]
    assert commands[0].startswith("set -a; . ")
    words = {line.split()[1] for line in commands if line.startswith("cashback ")}
    assert words == {"doctor", "purchase", "mint", "replay", "reconcile"}
    codes, told = paste(commands)
    assert codes == ["exit 0"] * len(commands), told


def test_the_settings_bring_a_way_to_ask_each_database(dev: Dev) -> None:
    """With the program that the embedded server brings, as the superuser, in any shell and with no PATH."""
    loading = tried(dev.launched.printed)[0]
    asking = [f"cashback_sql {database} -tAc 'select current_user'" for database in ("cashback", "minting", "chain")]
    script = "\n".join([loading, "PATH=/usr/bin:/bin", *asking])
    for shell in ("sh", "bash"):
        done = subprocess.run([shell, "-ec", script], capture_output=True, text=True, timeout=WITHIN_S, check=False)
        assert (done.returncode, done.stdout) == (0, "postgres\n" * 3), done.stderr


@pytest.mark.deep
def test_the_import_that_dev_prints_works_when_it_is_pasted(dev: Dev) -> None:
    """All 6,919 purchases, and the same again, which changes nothing."""
    [line] = [line for line in tried(dev.launched.printed) if line.startswith("cashback import")]
    first = tried(dev.launched.printed)[0]
    codes, told = paste([first, line, f"{line} --json"])
    assert codes == ["exit 0"] * 3, told
