"""Set-up takes packages from where the machine says: what pip is told, uv is told in uv's words."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.tidy import ROOT


@pytest.fixture
def install() -> ModuleType:
    """Return requirements/install.py as a module; it is a script outside every package."""
    spec = importlib.util.spec_from_file_location("install", ROOT / "requirements" / "install.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_index_and_a_certificate_told_to_pip_reach_uv(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine behind a mirror is configured once, for pip."""
    for word in ("UV_DEFAULT_INDEX", "UV_INDEX", "SSL_CERT_FILE", "UV_FIND_LINKS"):
        monkeypatch.delenv(word, raising=False)
    settings = {
        "index-url": "https://mirror.test/simple",
        "extra-index-url": "https://a.test/simple https://b.test/simple",
        "find-links": f"{tmp_path} {tmp_path}/missing",
        "cert": "/etc/mirror.pem",
        "quiet": "1",
    }
    env = install.uv_environment(settings)
    assert env["UV_DEFAULT_INDEX"] == "https://mirror.test/simple"
    assert env["UV_INDEX"] == "https://a.test/simple https://b.test/simple"
    # pip overlooks a folder that is not there; uv would stop at it.
    assert env["UV_FIND_LINKS"] == str(tmp_path)
    assert env["SSL_CERT_FILE"] == "/etc/mirror.pem"


def test_what_uv_was_told_itself_stands(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip's settings fill gaps; they overrule nothing."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.test/simple")
    env = install.uv_environment({"index-url": "https://pip.test/simple"})
    assert env["UV_DEFAULT_INDEX"] == "https://uv.test/simple"


def test_the_environment_overrules_the_files_as_it_does_for_pip(install: ModuleType, tmp_path: Path) -> None:
    """Pip's own precedence is kept: environment over the section `install` over the section `global`."""
    # What `pip config list` prints where both a file and the environment speak.
    told = tmp_path / "pip.py"
    told.write_text(
        "print(\":env:.index-url='https://environment.test/simple'\")\n"
        "print(\"global.index-url='https://file.test/simple'\")\n"
        "print(\"global.timeout='7'\")\n"
        "print(\"install.timeout='8'\")\n"
    )
    assert install.pip_settings([sys.executable, str(told)]) == {
        "index-url": "https://environment.test/simple",
        "timeout": "8",
    }


def test_set_up_is_due_again_when_a_requirement_changes(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The stamp stands for the very bytes of the requirements, so a pull that changes them sets up anew."""
    pinned = tmp_path / "development.txt"
    pinned.write_text("one==1")
    monkeypatch.setattr(install, "DEVELOPMENT", pinned)
    before = install.wanted()
    assert install.wanted() == before
    pinned.write_text("one==2")
    assert install.wanted() != before
