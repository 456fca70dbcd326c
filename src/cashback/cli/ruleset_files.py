"""Rulesets as JSON files."""

import os
from pathlib import Path
from typing import Any, Final

import click

FILE_BYTES_MAX: Final = 4 << 20
"""More than any ruleset takes, with all the spaces that people put in; the API takes less."""


def is_file(name: str) -> bool:
    """Tell whether what may be a file or an id is a file; a name that no file can have is none."""
    # That of pathlib raises for a name that is too long.
    return os.path.isfile(name)  # noqa: PTH113  # as above


def rules_of_file(file: Path) -> Any:  # noqa: ANN401  # imported late
    """Return the ruleset of a file.

    Raises:
        BodyInvalid, JsonMalformed, JsonMemberRepeated: it is none; the detail names the file, and says where.
        UsageError: it cannot be read.
    """
    from cashback.kernel.http.body import BodyInvalid, decode_body
    from cashback.kernel.mistakes import mistakes_of
    from cashback.ledger import RulesetDocument

    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as cause:
        raise click.UsageError(f"{file.name} cannot be read: {cause.strerror}") from cause
    if len(content) > FILE_BYTES_MAX:
        raise BodyInvalid(f"{file.name} is no ruleset: it has more than {FILE_BYTES_MAX >> 20} MiB")
    try:
        return decode_body(content, RulesetDocument, called=file.name)
    except BodyInvalid as problem:
        told = "; ".join(f"{one.detail} ({one.pointer or 'the document'})" for one in mistakes_of(problem))
        raise BodyInvalid(f"{file.name} is no ruleset: {told}") from problem
