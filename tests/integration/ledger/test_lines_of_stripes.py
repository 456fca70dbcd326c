"""What comes from several stripes of a budget at once is one line of a statement, and proved as one."""

import csv
import io
from datetime import timedelta
from typing import Final

import pytest

from cashback.ledger.model.statements import StatementLine
from cashback.ledger.rules.proofs import check_proof
from cashback.ledger.service import Prover, Statements
from cashback.ledger.service import statements as service
from cashback.purchases.model import PurchaseAnswer, User
from tests.integration.ledger.refunding import give_back, refunded
from tests.integration.ledger.sealing import seal_all
from tests.integration.ledger.test_budgets import campaigns_of, left_of
from tests.integration.ledger.world import START, World, buy

SINCE: Final = START - timedelta(days=1)
UNTIL: Final = START + timedelta(days=1)


async def granted(world: World) -> tuple[User, list[PurchaseAnswer]]:
    """Return a user who was granted 8 out of three stripes of 3, and then what was left in the last of them."""
    [campaign] = await campaigns_of(world, budgets=[9], stripes=3, grant=8)
    user, merchant = await world.user(), await world.merchant()
    bought = [(await world.record(buy(user, merchant)))[0] for _ in range(2)]
    assert [answer.cashback.amount_minor for answer in bought] == ["8", "1"]
    assert await left_of(world, campaign) == [0, 0, 0]
    return user, bought


async def lines_of(world: World, user: User, *, limit: int) -> list[StatementLine]:
    """Return the lines in money of a user's statement, by pages of so many transfers."""
    lines: list[StatementLine] = []
    cursor = None
    while True:
        page = await Statements(world.auditor).page(user.id, since=SINCE, until=UNTIL, limit=limit, cursor=cursor)
        lines += page.money_lines
        cursor = page.next_cursor
        if cursor is None:
            return lines


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
async def test_a_grant_from_several_stripes_is_one_line_with_its_transfers(world: World, limit: int) -> None:
    """Whole on whichever page it begins; their amounts add up to its own."""
    user, _ = await granted(world)
    whole, rest = await lines_of(world, user, limit=limit)
    assert (whole.amount, whole.change, whole.balance, rest.amount, rest.balance) == ("8", "8", "8", "1", "9")
    assert sorted(part.amount for part in whole.transfers) == ["2", "3", "3"]
    assert whole.position == whole.transfers[0].position
    assert [part.amount for part in rest.transfers] == ["1"]


@pytest.mark.parametrize("piece", [1, 2, 3, 1_000])
async def test_a_line_is_whole_in_csv_however_long_the_pieces_are(
    world: World, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """One row, which names the positions of all its transfers."""
    monkeypatch.setattr(service, "CSV_PAGE", piece)
    user, _ = await granted(world)
    whole, rest = await lines_of(world, user, limit=200)
    text = "".join([part async for part in await Statements(world.auditor).csv(user.id, since=SINCE, until=UNTIL)])
    rows = [row for row in csv.DictReader(io.StringIO(text, newline="")) if row["row"] == "line"]
    assert [(row["amount"], row["balance"], row["transfers"]) for row in rows] == [
        (line.amount, line.balance, " ".join(part.position for part in line.transfers)) for line in (whole, rest)
    ]


async def test_a_line_is_proved_with_all_its_transfers_by_the_position_of_any(world: World) -> None:
    """What a stranger adds up from the proof is what the statement says; what moved otherwise is not in it."""
    user, [bought, _] = await granted(world)
    await refunded(world, give_back(bought, 5_000))
    await seal_all(world)
    whole = (await lines_of(world, user, limit=200))[0]
    prover = Prover(world.auditor)
    for part in whole.transfers:
        proved = check_proof(await prover.prove(bought.cashback.id, position=int(part.position))).lines
        assert [(line["position"], line["amount"]) for line in proved] == [
            (each.position, each.amount) for each in whole.transfers
        ]
        assert {line["cause"] for line in proved} == {"accrual"}
    assert len(check_proof(await prover.prove(bought.cashback.id)).lines) == len(whole.transfers) + 1
