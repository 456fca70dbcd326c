"""The file of settings that a `cashback dev` writes for another terminal, and whether those loaded are still its own.

    cashback dev ──writes──▶ FOLDER/dev.env ──set -a; . FOLDER/dev.env──▶ the variables of a terminal
                                   ▲                                          │ CASHBACK_CLOCK_PATH is FOLDER/clock
                                   └── compared when nobody answers ◀─────────┘

A `cashback dev` has other addresses after each start, so a terminal may hold those of an earlier one.
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cashback.kernel.config import PREFIX, SettingsInvalid
from cashback.kernel.errors import Rejected, Unavailable

NAME: Final = "dev.env"
_CLOCK: Final = "CASHBACK_CLOCK_PATH"
_ADDRESSES: Final = ("_URL", "_URLS", "_DSN", "_ADAPTER_ADDRESS")
"""How settings end that are other ones after each start; a person may well have put another key in the place of one."""
_BYTES_MAX: Final = 65_536


def write(path: Path, settings: Mapping[str, str], commands: Mapping[str, str]) -> None:
    """Write settings for a shell to read, for this user's eyes only, and commands by name that take further words."""
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(settings.items())]
    lines += [f'{name}() {{ {command} "$@"; }}\n' for name, command in commands.items()]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(lines)


def next_step(error: Rejected | Unavailable, environ: Mapping[str, str]) -> str:
    """Return what to do about settings that are missing, or are those of a `cashback dev` that has ended; or ''."""
    clock = environ.get(_CLOCK)
    if isinstance(error, SettingsInvalid):
        # Whoever has loaded such a file lacks what none of them has.
        is_help = error.missing and not clock
        where = f"\nthose of a `cashback dev --folder FOLDER` are loaded by: {_loading('FOLDER/dev.env')}"
        return where if is_help else ""
    # The clock lies beside the settings of the system whose settings these are.
    return _outdated(Path(clock).parent / NAME, environ) if isinstance(error, Unavailable) and clock else ""


def _outdated(file: Path, environ: Mapping[str, str]) -> str:
    """Return what became of the `cashback dev` whose settings were loaded from a file; '' where they are its own."""
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            text = opened.read(_BYTES_MAX)
    except FileNotFoundError:
        return f"; the `cashback dev` of these settings has ended, and {file} is gone with it"
    except OSError:
        return ""
    loading = _loading(shlex.quote(str(file)))
    anew = f"; the addresses here are not those in the `{NAME}` of their `cashback dev`: load them again: {loading}"
    return "" if _is_as_loaded(text, environ) else anew


def _is_as_loaded(text: str, environ: Mapping[str, str]) -> bool:
    """Tell whether every address in a file of settings is the one that is loaded."""
    settings = (line.partition("=") for line in text.splitlines() if line.startswith(PREFIX))
    return all(
        shlex.quote(environ.get(name, "")) == quoted for name, _, quoted in settings if name.endswith(_ADDRESSES)
    )


def _loading(file: str) -> str:
    """Return how a shell loads a file of settings."""
    return f"set -a; . {file}; set +a"
