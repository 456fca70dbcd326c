"""Settings: one frozen struct per process, decoded from `CASHBACK_*` at start, every problem listed at once.

A field `nats_url` is read from `CASHBACK_NATS_URL`, and `CASHBACK_NATS_URL_FILE` names a file that holds it (for
secrets mounted by an orchestrator). A field without a default is required. This module alone reads the environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, TypeVar, get_args, get_origin

import msgspec

from cashback.kernel.errors import Invalid

PREFIX: Final = "CASHBACK_"
_FILE_BYTES_MAX: Final = 65_536

T = TypeVar("T", bound=msgspec.Struct)


class SettingsInvalid(Invalid):
    """One or more settings are missing or wrong; `problems` lists every one."""

    code = "settings_invalid"

    def __init__(self, problems: list[str]) -> None:
        """Carry every problem, one line each, for a person to read."""
        super().__init__("settings are missing or wrong:\n" + "\n".join(f"  - {line}" for line in problems))
        self.problems = problems


class Secret(msgspec.Struct, frozen=True):
    """A value that no log, error or repr ever shows."""

    value: str

    def __repr__(self) -> str:
        """Return a mask of constant length."""
        return "Secret('***')"


def environment() -> Mapping[str, str]:
    """Return the process environment; the one door to it."""
    return os.environ


def load(kind: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Return the settings of one process.

    Raises:
        SettingsInvalid: with every missing or wrong setting, not just the first.
    """
    source = environment() if environ is None else environ
    problems: list[str] = []
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        name = PREFIX + field.name.upper()
        text = _read(source, name, problems)
        if text is None:
            if field.required and not any(name in problem for problem in problems):
                problems.append(f"{name} is required")
            continue
        try:
            values[field.name] = _decode(text, field.type)
        except (msgspec.ValidationError, ValueError) as cause:
            problems.append(f"{name} is wrong: {cause}")
    if problems:
        raise SettingsInvalid(problems)
    return kind(**values)


def _read(source: Mapping[str, str], name: str, problems: list[str]) -> str | None:
    """Return the text of one setting, from the variable or from the file that `NAME_FILE` points to."""
    if name in source:
        return source[name]
    path = source.get(f"{name}_FILE")
    if path is None:
        return None
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(_FILE_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as cause:
        problems.append(f"{name}_FILE cannot be read: {cause}")
        return None


def _decode(text: str, kind: object) -> object:
    """Return `text` as the field's type; a tuple is comma-separated."""
    if kind is Secret:
        return Secret(text)
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(bare) is tuple:
        return msgspec.convert([part.strip() for part in text.split(",") if part.strip()], kind, strict=False)
    return msgspec.convert(text, kind, strict=False)
