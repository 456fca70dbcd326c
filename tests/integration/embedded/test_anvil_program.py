"""Where anvil comes from: what is there is used, what is missing is fetched, what cannot be had is explained.

The two that download the real thing, 40 MB each time, are of the deep tier.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cashback.processes.embedded import BinaryMissing, cache_dir, find_anvil


def program(path: Path, says: str) -> Path:
    """Write a program that says which version it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_the_operators_choice_goes_before_everything(tmp_path: Path) -> None:
    """Whoever names a program means it."""
    mine = program(tmp_path / "mine", "anvil 0.1.0")
    assert find_anvil({"CASHBACK_ANVIL": str(mine)}, cache=tmp_path) == mine


def test_a_choice_that_is_no_program_is_said_and_not_replaced(tmp_path: Path) -> None:
    """A typing error must not end in another program than the one named."""
    with pytest.raises(BinaryMissing, match="CASHBACK_ANVIL names /nowhere/anvil"):
        find_anvil({"CASHBACK_ANVIL": "/nowhere/anvil"}, cache=tmp_path)


def test_the_one_on_the_path_is_used_unless_it_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old one would refuse the options that we cannot do without."""
    on_path = program(tmp_path / "bin" / "anvil", "anvil Version: 1.7.1-stable")
    in_modules = program(tmp_path / "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil", "")
    monkeypatch.setenv("PATH", f"{on_path.parent}:/usr/bin:/bin")
    assert find_anvil({}, cache=tmp_path, modules_beside=tmp_path) == on_path
    program(on_path, "anvil 0.2.0 (2024-01-01)")
    assert find_anvil({}, cache=tmp_path, modules_beside=tmp_path) == in_modules


def test_what_cannot_be_had_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the reader learns what was tried and what to do."""
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(BinaryMissing, match=r"Install Foundry .*CASHBACK_ANVIL") as caught:
        find_anvil({}, cache=tmp_path, modules_beside=tmp_path)
    assert "ECONNREFUSED" in caught.value.detail
    assert list((tmp_path / "anvil").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a home that is read only, or is none, the reader learns which folder it was and how to name another."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (tmp_path / "file").touch()
    with pytest.raises(BinaryMissing, match=r"into .*/file/anvil, .* \(Not a directory\): .* XDG_CACHE_HOME"):
        find_anvil({}, cache=tmp_path / "file", modules_beside=tmp_path)


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user as a container's may be: in no passwd, with HOME unset."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2_000_000_017)


@pytest.mark.usefixtures("no_home")
def test_who_has_no_home_is_told_to_name_a_cache() -> None:
    """Whoever has nowhere to keep what is fetched."""
    with pytest.raises(BinaryMissing, match=r"neither HOME nor .* XDG_CACHE_HOME"):
        cache_dir({})
    assert cache_dir({"XDG_CACHE_HOME": "/elsewhere"}) == Path("/elsewhere/cashback")


@pytest.mark.usefixtures("no_home")
def test_who_has_no_home_needs_none_where_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named, on the path or in the modules is used; the cache is asked for behind them alone."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    named = program(tmp_path / "named", "anvil 0.1.0")
    assert find_anvil({"CASHBACK_ANVIL": str(named)}, modules_beside=tmp_path) == named
    with pytest.raises(BinaryMissing, match="XDG_CACHE_HOME"):
        find_anvil({}, modules_beside=tmp_path)
    in_modules = program(tmp_path / "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil", "")
    assert find_anvil({}, modules_beside=tmp_path) == in_modules
    on_path = program(tmp_path / "bin" / "anvil", "anvil Version: 1.7.1-stable")
    monkeypatch.setenv("PATH", f"{on_path.parent}:/usr/bin:/bin")
    assert find_anvil({}, modules_beside=tmp_path) == on_path


@pytest.mark.deep
def test_two_runs_that_fetch_at_once_end_with_one_program(tmp_path: Path) -> None:
    """Both are served, and nothing half written is ever seen under the final name."""
    with ThreadPoolExecutor(2) as both:
        found = [run.result() for run in [both.submit(find_anvil, {}, cache=tmp_path) for _ in range(2)]]
    assert found[0] == found[1]
    assert [entry.name for entry in (tmp_path / "anvil").iterdir()] == ["1.7.1"]


@pytest.mark.deep
def test_npm_from_the_python_package_does_when_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a fresh machine there is Python and nothing else."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_anvil({}, cache=tmp_path, modules_beside=tmp_path)
    assert found.is_relative_to(tmp_path)


def test_the_cache_is_where_the_user_keeps_caches() -> None:
    """A relative XDG_CACHE_HOME is to be ignored, says the specification."""
    assert cache_dir({"XDG_CACHE_HOME": "/elsewhere"}) == Path("/elsewhere/cashback")
    assert cache_dir({"XDG_CACHE_HOME": "here"}) == cache_dir({}) == Path.home() / ".cache" / "cashback"


def test_the_lock_names_a_hash_and_no_host() -> None:
    """What arrives is what its hash says, from whatever registry the machine uses."""
    lock = Path(find_anvil.__code__.co_filename).parent / "npm" / "package-lock.json"
    assert '"integrity": "sha512-' in lock.read_text()
    assert "resolved" not in lock.read_text()
    assert "://" not in lock.read_text()
