"""Settings: one frozen struct per process, decoded from `CASHBACK_*` at start, every problem listed at once.

A field `nats_url` is read from `CASHBACK_NATS_URL`, and `CASHBACK_NATS_URL_FILE` names a file that holds it (for
secrets mounted by an orchestrator). A field without a default is required, and what is empty is not set. A struct with
settings that may contradict each other says so in a static method `contradictions`. This module alone reads the
environment.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from cashback.kernel.errors import Invalid
from cashback.kernel.wanted import bare_of, difference, unit_of, wanted

PREFIX: Final = "CASHBACK_"
_FILE_BYTES_MAX: Final = 65_536
_PORT_MAX: Final = 65_535
_PLACE: Final = r"\S+?(:(?P<port>[0-9]+))?([/?#]\S*)?"
"""The rest of a URL; a colon in a password or in a path is before no port."""

T = TypeVar("T", bound=msgspec.Struct)

Contradictions: TypeAlias = Callable[[Mapping[str, Any]], Iterator[str]]
"""Is told every setting by its field's name, defaults included, but for those that are missing or wrong already; yields
one line for each that does not go with the others."""


class SettingsInvalid(Invalid):
    """One or more settings are missing or wrong; `problems` lists every one, `missing` names those that are not set."""

    code = "settings_invalid"

    def __init__(self, problems: list[str], *, missing: Sequence[str] = ()) -> None:
        """Carry every problem, one line each, for a person to read."""
        super().__init__("settings are missing or wrong:\n" + "\n".join(f"  - {line}" for line in problems))
        self.problems = problems
        self.missing = tuple(missing)


class Secret(msgspec.Struct, frozen=True):
    """A value that no log, error or repr ever shows."""

    value: str

    def __repr__(self) -> str:
        """Return a mask of constant length."""
        return "Secret('***')"


class Shape(msgspec.Struct, frozen=True):
    """What a setting's text must look like: a pattern for all of it, and the words to ask a person for it.

    What the pattern calls `port` must be one.
    """

    pattern: str
    wanted: str


Dsn: TypeAlias = Annotated[
    Secret,
    Shape(r"postgres(ql)?://\S+|\w+ ?=.+", "a PostgreSQL connection string, postgresql://USER:PASSWORD@HOST/NAME"),
]
NatsUrl: TypeAlias = Annotated[str, Shape(rf"(nats|tls)://{_PLACE}", "the URL of a NATS server, nats://HOST:PORT")]
HttpUrl: TypeAlias = Annotated[str, Shape(rf"https?://{_PLACE}", "a URL, https://HOST")]
WsUrl: TypeAlias = Annotated[str, Shape(rf"wss?://{_PLACE}", "the URL of a websocket, wss://HOST")]
HostPort: TypeAlias = Annotated[str, Shape(r"[^:\s]+:(?P<port>[0-9]+)", "HOST:PORT")]
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=_PORT_MAX)]


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
    missing: list[str] = []
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        name = PREFIX + field.name.upper()
        known = len(problems)
        text = _read(source, name, problems)
        if text:
            try:
                values[field.name] = _decode(text, field.type, unit=unit_of(field.name, field.type))
            except ValueError as cause:
                problems.append(f"{name} is wrong: {cause}")
        elif field.required and len(problems) == known:
            problems.append(f"{name} is required")
            missing.append(name)
        elif not field.required and len(problems) == known:
            values[field.name] = field.default
    contradictions: Contradictions | None = getattr(kind, "contradictions", None)
    if contradictions is not None:
        problems += contradictions(values)
    if problems:
        raise SettingsInvalid(problems, missing=missing)
    return kind(**values)


def _read(source: Mapping[str, str], name: str, problems: list[str]) -> str | None:
    """Return the text of one setting, from the variable or from the file that `NAME_FILE` points to."""
    text, path = source.get(name), source.get(f"{name}_FILE")
    if text or not path:
        return text
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(_FILE_BYTES_MAX).strip()
    except OSError as cause:
        problems.append(f"{name}_FILE cannot be read: {path}: {cause.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{name}_FILE cannot be read: {path} is no text in UTF-8")
    return None


def _decode(text: str, kind: object, *, unit: str) -> object:
    """Return `text` as the field's type; a tuple is comma-separated.

    Raises:
        ValueError: it is none; the message says what is wanted, in that unit, and nothing of what is there.
    """
    try:
        return _converted(text, kind)
    except msgspec.ValidationError as cause:
        raise ValueError(f"it must be {wanted(kind, unit=unit)}{difference(text, kind)}") from cause


def _converted(text: str, kind: object) -> object:
    """Return `text` as the field's type.

    Raises:
        ValueError: it has not the shape that is asked for.
        ValidationError: it is of another type, or beyond a bound.
    """
    bare = bare_of(kind)
    if get_origin(bare) is tuple:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        for part in parts:
            _check_shape(part, get_args(bare)[0])
        return msgspec.convert(parts, kind, strict=False)
    _check_shape(text, kind)
    return Secret(text) if bare is Secret else msgspec.convert(text, kind, strict=False)


def _check_shape(text: str, kind: object) -> None:
    """Raise `ValueError` unless `text` has the shape that the field's type asks for."""
    for shape in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
        if not isinstance(shape, Shape):
            continue
        found = re.fullmatch(shape.pattern, text)
        if found is None:
            raise ValueError(f"it must be {shape.wanted}")
        port = found.groupdict().get("port")
        if port is not None and not 1 <= int(port) <= _PORT_MAX:
            raise ValueError(f"a port is a number from 1 to {_PORT_MAX}")
