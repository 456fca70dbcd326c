"""Rows in batches: their users found or created, their purchases recorded, and what each came to counted."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from cashback.kernel.clock import business_clock
from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.kernel.errors import CashbackError
from cashback.kernel.ids import is_id
from cashback.processes.importing.rows import Problem, Row, rows_of
from cashback.purchases.model import (
    OPERATOR,
    KeyReused,
    Merchant,
    NewMerchant,
    NewPurchase,
    NewUser,
    Outcome,
    PurchaseAnswer,
    Recorded,
    Refused,
    User,
    UserAmbiguous,
    UserUnknown,
)
from cashback.purchases.service import People, Purchases

BATCH: Final = 500
PROBLEMS_MAX: Final = 1_000
"""How many refused rows are reported one by one; the others are counted."""

Step: TypeAlias = Callable[[int], None]
"""Is told how many more rows were dealt with."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where purchases are recorded."""

    api_dsn: Dsn


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Whose purchases they are, and whether unknown users are created."""

    merchant_id: str | None
    create_users: bool


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows; `problems` holds the first of those that were refused, by line."""

    merchant_id: str
    recorded: int
    replayed: int
    refused: int
    users_created: int
    reasons: dict[str, int]
    problems: list[Problem]


async def import_file(settings: Settings, path: Path, options: Options, *, step: Step) -> Imported:
    """Record every row of a file once; rows that cannot be read or are refused harm no other.

    Raises:
        FileUnreadable: a documented column is missing, or the file is no text.
        MerchantUnknown: there is no such merchant.
        Unavailable: the database failed on the way; run it again.
    """
    clock = business_clock()
    rows = rows_of(path)
    first = _batch(rows)  # before anything is stored: a file that is none of ours leaves nothing behind
    async with (
        Database.open(settings.api_dsn.value, name="import", connections_max=2) as database,
        Purchases.open(database, clock=clock) as purchases,
    ):
        people = People(database, clock=clock)
        merchant_id = await _merchant(people, path, options.merchant_id)
        importer = _Importer(people, purchases, merchant_id, create_users=options.create_users)
        batch = first
        while batch:
            await importer.take(batch)
            step(len(batch))
            batch = _batch(rows)
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
        rows = [entry for entry in batch if isinstance(entry, Row)]
        problems = [entry for entry in batch if isinstance(entry, Problem)]
        users = await self._users(rows)
        commands: list[tuple[Row, NewPurchase]] = []
        for row in rows:
            user = users[row.user]
            if isinstance(user, str):
                commands.append((row, self._command(row, user)))
            else:
                problems.append(_problem(row.line, user))
        outcomes = await self._purchases.record([command for _, command in commands])
        for (row, _), outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Refused):
                problems.append(_problem(row.line, outcome.error))
            else:
                self._count(outcome)
        self._counts["refused"] += len(problems)
        room = PROBLEMS_MAX - len(self._problems)
        self._problems += sorted(problems, key=lambda problem: problem.line)[:room]

    def result(self) -> Imported:
        """Return the count of everything taken."""
        return Imported(
            merchant_id=self._merchant_id,
            recorded=self._counts["recorded"],
            replayed=self._counts["replayed"],
            refused=self._counts["refused"],
            users_created=self._counts["users"],
            reasons=dict(self._reasons.most_common()),
            problems=self._problems,
        )

    async def _users(self, rows: Sequence[Row]) -> dict[str, str | CashbackError]:
        """Return for each user of the rows its id, or what keeps it from having one."""
        found: dict[str, str | CashbackError] = {row.user: row.user for row in rows if is_id(row.user, "usr")}
        first = {row.user: row for row in reversed(rows) if row.user not in found}
        for name, ids in (await self._people.users_named([*first])).items():
            several = UserAmbiguous(f"{len(ids)} users have this name; say which by id", reference=name)
            found[name] = ids[0] if len(ids) == 1 else several
        unknown = [row for name, row in first.items() if name not in found]
        if not self._create_users:
            return found | {row.user: UserUnknown("there is no such user", reference=row.user) for row in unknown}
        return found | await self._created(unknown)

    async def _created(self, rows: Sequence[Row]) -> dict[str, str | CashbackError]:
        """Create a user for each of these rows, with the row's wallet; return the ids, or why there is none."""
        commands = [
            NewUser(owner=OPERATOR, key=_key("import-user-", row.user), reference=row.user, wallet=row.wallet)
            for row in rows
        ]
        users: dict[str, str | CashbackError] = {}
        for row, outcome in zip(rows, await self._people.create_users(commands), strict=True):
            if isinstance(outcome, Refused):
                users[row.user] = outcome.error
                continue
            self._counts["users"] += not outcome.is_replay
            users[row.user] = msgspec.json.decode(outcome.answer, type=User).id
        return users

    def _command(self, row: Row, user_id: str) -> NewPurchase:
        """Return the command that records a row."""
        return NewPurchase(
            owner=self._merchant_id,
            key=_key("", row.reference),
            merchant_id=self._merchant_id,
            user_id=user_id,
            amount_minor=int(row.amount_minor),
            currency=row.currency,
            occurred_at=row.occurred_at,
            reference=row.reference,
        )

    def _count(self, recorded: Recorded) -> None:
        """Count a recorded row."""
        self._counts["replayed" if recorded.is_replay else "recorded"] += 1
        self._reasons[msgspec.json.decode(recorded.answer, type=PurchaseAnswer).cashback.reason] += 1


async def _merchant(people: People, path: Path, merchant_id: str | None) -> str:
    """Return the merchant that was named, or the one named after the file, created the first time."""
    if merchant_id is not None:
        return (await people.merchant(merchant_id)).id
    name = path.stem
    outcome: Outcome = await people.create_merchant(
        NewMerchant(owner=OPERATOR, key=_key("import-merchant-", name), name=name)
    )
    if isinstance(outcome, Refused):
        raise outcome.error
    return msgspec.json.decode(outcome.answer, type=Merchant).id


def _batch(rows: Iterator[Row | Problem]) -> list[Row | Problem]:
    """Return the next rows, none at the end."""
    return list(islice(rows, BATCH))


def _key(prefix: str, name: str) -> str:
    """Return the idempotency key of something with this name, which may be of any letters where a key may not."""
    if name.isascii() and name.isprintable():
        return prefix + name
    return f"{prefix}sha256-{hashlib.sha256(name.encode()).hexdigest()}"


def _problem(line: int, error: CashbackError) -> Problem:
    """Return a refusal as the problem of its row, whose reference is the key of its command."""
    if isinstance(error, KeyReused):
        return Problem(line=line, code="reference_reused", detail="another purchase has this reference already")
    return Problem(line=line, code=error.code, detail=error.detail)
