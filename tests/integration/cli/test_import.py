"""`cashback import` on a running system: every row once, whatever its neighbours are and however often it is begun."""

import asyncio
import signal
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import pytest

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_REJECTED
from cashback.kernel.addresses import checksum_address
from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database
from cashback.processes.demo import read_sample
from cashback.processes.embedded import eventually
from cashback.purchases.model import OPERATOR, NewUser
from cashback.purchases.service import People
from tests.integration.cli.conftest import Cashback, Dev
from tests.integration.cli.launch import WITHIN_S, launched

COLUMNS: Final = "reference,user,occurred_at,amount_minor,currency,wallet"

MANY: Final = 3_000


def wallet_of(user: str) -> str:
    """Return a wallet that is this user's alone."""
    return checksum_address(f"0x{sha256(user.encode()).hexdigest()[:40]}")


def row(reference: str, user: str, *, amount: str = "2000", wallet: str | None = None) -> str:
    """Return a row of a file of purchases, with a wallet of the user's own unless told otherwise."""
    return f"{reference},{user},1997-01-18T00:00:00Z,{amount},USD,{wallet or wallet_of(user)}"


def written(place: Path, rows: Sequence[str]) -> Path:
    """Write a file of purchases and return where."""
    place.write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    return place


class Import:
    """The verb, and what it left in the database."""

    def __init__(self, dev: Dev, cashback: Cashback) -> None:
        """Import into a running system."""
        self._dev = dev
        self._cashback = cashback

    def __call__(self, file: Path, *words: str, code: int = 0) -> dict[str, Any]:
        """Import a file and return what a program is told."""
        said = self._cashback("import", str(file), *words, "--json", settings=self._dev.settings)
        assert said.code == code, said
        told: dict[str, Any] = msgspec.json.decode(said.out)
        return told

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what an auditor reads."""
        with psycopg.connect(self._dev.settings["CASHBACK_LEDGER_AUDIT_DSN"]) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def recorded(self, merchant_id: str) -> list[tuple[Any, ...]]:
        """Return reference and amount of all purchases of a merchant."""
        return self.rows(
            "select reference, amount_minor from purchases.purchases where merchant_id = %s order by reference",
            merchant_id,
        )

    def merchant_named(self, name: str) -> str | None:
        """Return the id of a merchant, None before there is one."""
        found = self.rows("select id from purchases.merchants where name = %s", name)
        return found[0][0] if found else None


@pytest.fixture
def imports(dev: Dev, cashback: Cashback) -> Import:
    """Give the verb."""
    return Import(dev, cashback)


def codes(told: dict[str, Any]) -> list[tuple[int, str]]:
    """Return line and code of each refused row."""
    return [(problem["line"], problem["code"]) for problem in told["problems"]]


def test_what_cannot_be_read_or_is_refused_is_told_by_line_and_the_rest_is_recorded(
    imports: Import, tmp_path: Path
) -> None:
    """In the order of the file, each with a stable code; a row that is refused spoils neither batch nor user."""
    rows = [
        row("a-1", "anna"),
        row("a-2", "anna", amount="12.50"),
        row("a-3", "bert", wallet=wallet_of("bert").lower()),
        row("a-4", "carl", amount=str(2**63)),
        row("a-1", "anna"),
        row("a-1", "anna", amount="1"),
        "half a row",
        row("a-5", "usr_01k9z3v6q8e2r9xw5t4c7m1n0p"),
        row("a-6", "carl"),
        row("a-7", "anna").replace("USD", "XXX"),
        row("käse-8", "jürgen"),
        row("a-9", "anna").replace("1997", "2997"),
    ]
    told = imports(written(tmp_path / "mixed.csv", rows), "--create-users", code=EXIT_DIFFERENCE)
    assert codes(told) == [
        (3, "row_unreadable"),
        (4, "wallet_invalid"),
        (5, "field_invalid"),
        (7, "reference_reused"),
        (8, "row_unreadable"),
        (9, "user_unknown"),
        (11, "currency_unknown"),
        (13, "field_invalid"),
    ]
    assert (told["recorded"], told["replayed"], told["refused"], told["users_created"]) == (3, 1, 8, 3)
    assert imports.recorded(told["merchant_id"]) == [("a-1", 2_000), ("a-6", 2_000), ("käse-8", 2_000)]


def test_a_second_run_records_nothing_twice(imports: Import, tmp_path: Path) -> None:
    """All of it was recorded before, and is answered as it was then."""
    file = written(tmp_path / "twice.csv", [row(f"t-{number}", f"twin-{number % 3}") for number in range(20)])
    first, second = imports(file, "--create-users"), imports(file, "--create-users")
    assert (first["recorded"], first["replayed"], first["users_created"]) == (20, 0, 3)
    assert (second["recorded"], second["replayed"], second["users_created"]) == (0, 20, 0)
    assert (second["merchant_id"], second["reasons"]) == (first["merchant_id"], first["reasons"])
    assert len(imports.recorded(first["merchant_id"])) == 20


def test_a_user_is_named_by_id_or_as_the_operator_calls_them(dev: Dev, imports: Import, tmp_path: Path) -> None:
    """Whoever created them, and with --create-users nobody is created who is there already."""
    asyncio.run(_create(dev, ["known", "double", "double"]))
    rows = [row("n-1", "known"), row("n-2", dev.user_id), row("n-3", "stranger"), row("n-4", "double")]
    file = written(tmp_path / "named.csv", rows)
    told = imports(file, code=EXIT_DIFFERENCE)
    assert codes(told) == [(4, "user_unknown"), (5, "user_ambiguous")]
    told = imports(file, "--create-users", code=EXIT_DIFFERENCE)
    assert (codes(told), told["users_created"], told["replayed"]) == ([(5, "user_ambiguous")], 1, 2)


def test_the_wallet_of_a_user_s_first_row_is_theirs(imports: Import, tmp_path: Path) -> None:
    """It is for creating users: a file is no way to move somebody's tokens elsewhere."""
    other = read_sample(10)[-1].wallet
    file = written(tmp_path / "wallets.csv", [row("w-1", "wanda"), row("w-2", "wanda", wallet=other)])
    assert imports(file, "--create-users")["recorded"] == 2
    found = imports.rows(
        "select address from purchases.wallets join purchases.users on users.id = user_id where reference = 'wanda'"
    )
    assert found == [(wallet_of("wanda"),)]


def test_purchases_of_a_named_merchant_are_theirs(
    dev: Dev, imports: Import, cashback: Cashback, tmp_path: Path
) -> None:
    """And a merchant that is not there is said at once, before a row is read."""
    file = written(tmp_path / "shop.csv", [row("shop-1", dev.user_id)])
    assert imports(file, "--merchant", dev.merchant_id)["merchant_id"] == dev.merchant_id
    said = cashback("import", str(file), "--merchant", "mer_01k9z3v6q8e2r9xw5t4c7m1n0p", settings=dev.settings)
    assert (said.code, "merchant_unknown" in said.err) == (EXIT_REJECTED, True)


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n\0", b"a;b;c\n1;2;3\n"], ids=["empty", "a picture", "foreign"]
)
def test_a_file_that_is_no_list_of_purchases_leaves_nothing_behind(
    data: bytes, dev: Dev, imports: Import, cashback: Cashback, tmp_path: Path
) -> None:
    """Not even the merchant that would have been named after it."""
    file = tmp_path / "nothing.csv"
    file.write_bytes(data)
    said = cashback("import", str(file), settings=dev.settings)
    assert (said.code, said.out, "file_unreadable" in said.err) == (EXIT_REJECTED, "", True)
    assert imports.merchant_named("nothing") is None


def test_people_see_counts_decisions_and_refused_rows(dev: Dev, cashback: Cashback, tmp_path: Path) -> None:
    """And a file that is not there is a mistake on the command line."""
    file = written(tmp_path / "people.csv", [row("p-1", "paul"), row("p-2", "paul", amount="0"), "x"])
    said = cashback("import", str(file), "--create-users", settings=dev.settings)
    assert said.code == EXIT_DIFFERENCE
    for words in ("recorded now", "granted", "nothing_paid", "refused rows", "1 fields instead of 6"):
        assert words in said.out
    assert cashback("import", str(tmp_path / "absent.csv"), settings=dev.settings).code == 2


@pytest.mark.invariant("I7")
def test_an_import_that_was_killed_is_completed_by_the_next_one(dev: Dev, imports: Import, tmp_path: Path) -> None:
    """Killed by -9 somewhere in the middle; afterwards each of the rows is there, once.

    It cannot have come to its end before, however late we look: as far as it can see, somebody else is just creating
    the user of the last row.
    """
    sample = read_sample(MANY)
    last = sample[-1].user
    assert last not in {each.user for each in sample[:-1]}
    rows = [row(each.reference, each.user, amount=each.amount_minor, wallet=each.wallet) for each in sample]
    file = written(tmp_path / "killed.csv", rows)
    # Who creates that user stands still for longer than the server lets a process of ours.
    patient = "-c idle_in_transaction_session_timeout=0"
    with psycopg.connect(dev.settings["CASHBACK_API_DSN"], options=patient) as somebody:
        somebody.execute(
            "insert into purchases.idempotency_keys (owner, key, fingerprint, created_at)"
            " values (%s, %s, sha256('somebody'), now())",
            (OPERATOR, f"import-user-{last}"),
        )
        with launched(tmp_path / "home", "import", str(file), "--create-users", settings=dev.settings) as running:
            assert eventually(lambda: len(_of(imports, "killed")) > 0, within_s=WITHIN_S), running.said
            running.tell(signal.SIGKILL)
            running.ended()
        # What it had sent may yet be committed without it.
        assert eventually(lambda: not _sessions(imports), within_s=WITHIN_S)
        before = len(_of(imports, "killed"))
        somebody.rollback()
    assert 0 < before < MANY
    told = imports(file, "--create-users")
    assert (told["recorded"], told["replayed"], told["refused"]) == (MANY - before, before, 0)
    assert _of(imports, "killed") == sorted((each.reference, int(each.amount_minor)) for each in sample)


def _of(imports: Import, merchant: str) -> list[tuple[Any, ...]]:
    """Return the recorded purchases of a merchant, none before there is one."""
    merchant_id = imports.merchant_named(merchant)
    return [] if merchant_id is None else imports.recorded(merchant_id)


def _sessions(imports: Import) -> list[tuple[Any, ...]]:
    """Return the database sessions of imports, also of those whose process is gone."""
    return imports.rows("select pid from pg_stat_activity where application_name = 'import'")


async def _create(dev: Dev, references: Sequence[str]) -> None:
    """Create users as the API does."""
    async with Database.open(dev.settings["CASHBACK_API_DSN"], name="test", connections_max=1) as database:
        people = People(database, clock=SystemClock())
        users = [
            NewUser(
                owner=OPERATOR,
                key=f"test-{place}-{reference}",
                reference=reference,
                wallet=wallet_of(f"{place} {reference}"),
            )
            for place, reference in enumerate(references)
        ]
        await people.create_users(users)
