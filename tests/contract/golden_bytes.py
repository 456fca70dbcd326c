"""Bytes of every version of every type, as they lie in streams and outboxes: written once, never again."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("golden")


def golden(type_: str, version: int) -> bytes:
    """Return the data of an event of a version of a type."""
    return (FOLDER / f"{type_}.{version}.json").read_bytes().removesuffix(b"\n")


def all_golden() -> list[tuple[str, int]]:
    """Return the type and the version of everything there is bytes of, in the order of names."""
    names = sorted(path.stem.rpartition(".") for path in FOLDER.glob("*.json"))
    return [(type_, int(version)) for type_, _, version in names]
