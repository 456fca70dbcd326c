"""`cashback import`: a CSV file through the one write path, `Purchases.record`, a batch at a time.

    file ─▶ rows ─▶ users (created when asked) ─▶ Purchases.record ─▶ what each row came to

The row's reference is its idempotency key, so a second run records nothing twice, and a run that was killed goes on.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.errors import CashbackError, Invalid
from cashback.purchases.model import (
    OPERATOR,
    Merchant,
    NewMerchant,
    NewPurchase,
    NewUser,
    Outcome,
    PurchaseAnswer,
    Recorded,
    Refused,
    User,
)
from cashback.purchases.service import People, Purchases

BATCH: Final = 500
LINE_BYTES_MAX: Final = 4_096
PROBLEMS_MAX: Final = 1_000
"""How many refused rows are reported one by one; the others are counted."""

COLUMNS: Final = ("reference", "user", "occurred_at", "amount_minor", "currency")

Step: TypeAlias = Callable[[int], None]
"""Is told how many more rows were dealt with."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where purchases are recorded."""

    api_dsn: Secret


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Whose purchases they are, and whether unknown users are created."""

    merchant_id: str | None
    create_users: bool


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row that could be read, with its line in the file (the header is line 1)."""

    line: int
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    amount_minor: Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,18})$")]
    currency: str
    wallet: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not recorded, and why."""

    line: int
    code: str
    detail: str


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows."""

    merchant_id: str
    recorded: int
    replayed: int
    refused: int
    reasons: dict[str, int]
    problems: list[Problem]

    def reasons_as_records(self) -> list[dict[str, object]]:
        """Return how many purchases there are per decision, most frequent first."""
        ordered = sorted(self.reasons.items(), key=lambda reason: -reason[1])
        return [{"decision": reason, "purchases": count} for reason, count in ordered]


class FileUnreadable(Invalid):
    """The file is no CSV file with the documented columns."""

    code = "file_unreadable"


def count_rows(path: Path) -> int:
    """Return how many rows follow the header, roughly: for a progress bar."""
    with path.open("rb") as file:
        return max(sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b"")) - 1, 0)


async def import_file(settings: Settings, path: Path, options: Options, *, step: Step) -> Imported:
    """Record every row of a file once; rows that cannot be read or are refused harm no other.

    Raises:
        FileUnreadable: a documented column is missing, or the file is no text.
        Unavailable: the database failed on the way; run it again.
    """
    clock = SystemClock()
    async with (
        Database.open(settings.api_dsn.value, name="import", connections_max=2) as database,
        Purchases.open(database, clock=clock) as purchases,
    ):
        people = People(database, clock=clock)
        merchant_id = options.merchant_id or await _merchant(people, path.stem)
        importer = _Importer(people, purchases, merchant_id, create_users=options.create_users)
        for batch in _batches(path):
            await importer.take(batch)
            step(len(batch))
    return importer.result()


class _Importer:
    """Takes batch after batch and keeps count."""

    def __init__(self, people: People, purchases: Purchases, merchant_id: str, *, create_users: bool) -> None:
        self._people = people
        self._purchases = purchases
        self._merchant_id = merchant_id
        self._create_users = create_users
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._problems: list[Problem] = []

    async def take(self, batch: Sequence[Row | Problem]) -> None:
        """Record one batch."""
        rows: list[Row] = []
        for entry in batch:
            if isinstance(entry, Row):
                rows.append(entry)
            else:
                self._refuse(entry)
        users, rows = await self._users(rows)
        commands = [self._command(row, users[row.user]) for row in rows]
        for row, outcome in zip(rows, await self._purchases.record(commands), strict=True):
            self._note(row, outcome)

    def result(self) -> Imported:
        """Return the count of everything taken."""
        return Imported(
            merchant_id=self._merchant_id,
            recorded=self._counts["recorded"],
            replayed=self._counts["replayed"],
            refused=self._counts["refused"],
            reasons=dict(self._reasons),
            problems=self._problems,
        )

    async def _users(self, rows: Sequence[Row]) -> tuple[dict[str, str], list[Row]]:
        """Return the ids of the rows' users, and the rows whose user is known."""
        if not self._create_users:
            return {row.user: row.user for row in rows}, list(rows)
        first = {row.user: row for row in reversed(rows)}
        commands = [
            NewUser(owner=OPERATOR, key=f"import-user-{user}", reference=user, wallet=row.wallet)
            for user, row in first.items()
        ]
        ids: dict[str, str] = {}
        refusals: dict[str, CashbackError] = {}
        for user, outcome in zip(first, await self._people.create_users(commands), strict=True):
            if isinstance(outcome, Recorded):
                ids[user] = msgspec.json.decode(outcome.answer, type=User).id
            else:
                refusals[user] = outcome.error
        for row in rows:
            if row.user in refusals:
                self._refuse(_problem(row.line, refusals[row.user]))
        return ids, [row for row in rows if row.user in ids]

    def _command(self, row: Row, user_id: str) -> NewPurchase:
        """Return the command that records a row."""
        return NewPurchase(
            owner=self._merchant_id,
            key=row.reference,
            merchant_id=self._merchant_id,
            user_id=user_id,
            amount_minor=int(row.amount_minor),
            currency=row.currency,
            occurred_at=row.occurred_at,
            reference=row.reference,
        )

    def _note(self, row: Row, outcome: Outcome) -> None:
        """Count what a row came to."""
        match outcome:
            case Recorded(answer=answer, is_replay=is_replay):
                self._counts["replayed" if is_replay else "recorded"] += 1
                self._reasons[msgspec.json.decode(answer, type=PurchaseAnswer).cashback.reason] += 1
            case Refused(error=error):
                self._refuse(_problem(row.line, error))

    def _refuse(self, problem: Problem) -> None:
        """Count a refused row, and keep its problem while there is room."""
        self._counts["refused"] += 1
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(problem)


async def _merchant(people: People, name: str) -> str:
    """Return the merchant named after a file, created the first time."""
    outcome = await people.create_merchant(NewMerchant(owner=OPERATOR, key=f"import-merchant-{name}", name=name))
    if isinstance(outcome, Refused):
        raise outcome.error
    return msgspec.json.decode(outcome.answer, type=Merchant).id


def _batches(path: Path) -> Iterator[list[Row | Problem]]:
    """Yield the file's rows in batches, each row as what it says or as the problem with it."""
    batch: list[Row | Problem] = []
    for entry in _rows(path):
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _rows(path: Path) -> Iterator[Row | Problem]:
    """Yield each row; one that cannot be read is a problem with its line, and the next one is read all the same."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        header = next(csv.reader([file.readline(LINE_BYTES_MAX)]), [])
        if missing := [column for column in COLUMNS if column not in header]:
            raise FileUnreadable(f"{path.name} has no column {', '.join(missing)} in its first line")
        for line, text in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX), ""), start=2):
            if text.strip():
                yield _row(line, header, text)


def _row(line: int, header: Sequence[str], text: str) -> Row | Problem:
    """Return one line of the file as a row, or what is wrong with it."""
    try:
        fields = next(csv.reader([text], strict=True))
    except csv.Error as error:
        return Problem(line=line, code="row_unreadable", detail=str(error))
    if len(fields) != len(header):
        return Problem(line=line, code="row_unreadable", detail=f"{len(fields)} fields instead of {len(header)}")
    values = {name: value for name, value in zip(header, fields, strict=True) if value != ""}
    try:
        return msgspec.convert(values | {"line": line}, Row)
    except msgspec.ValidationError as error:
        return Problem(line=line, code="row_unreadable", detail=str(error))


def _problem(line: int, error: CashbackError) -> Problem:
    """Return a refusal as the problem of its row."""
    return Problem(line=line, code=error.code, detail=error.detail)
