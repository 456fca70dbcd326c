"""What proves and checks the books, over REST: the same documents that the command line prints, for operators alone."""

from hashlib import sha256
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.ledger.rules.engine import ENGINE
from cashback.ledger.rules.proofs import check_proof, read_proof
from cashback.ledger.service import Prover, Recomputer, Replays
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.sealing import minted, seal_all
from tests.integration.ledger.test_proving import Publisher, publish
from tests.integration.ledger.test_replaying import tampered
from tests.integration.ledger.world import World, buy

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = """
    insert into ledger.reconciliations (mode, reason, asked_by, began_at, ended_at, after_block, at_block,
        at_block_hash, requested, logs, logs_amount, burned, explained, total_supply, findings, kinds)
    values ('whole', 'asked for', 'person', '2026-03-01T02:00:00Z', '2026-03-01T02:00:07Z', null, %s,
        '0x' || repeat('ab', 32), 3, 3, 10::numeric ^ 30, 5, null, 10::numeric ^ 30, 2, '{"unexpected_log": 2}')
    returning position
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sealed(world: World, rest: Rest) -> str:
    """Give a cashback that was minted and sealed with others, over several seals, the newest final on the chain."""
    cashback_id, _ = await minted(world, cashbacks=2)
    await seal_all(world, leaves_max=4)
    await publish(world, Publisher())
    return cashback_id


async def test_a_proof_over_rest_is_the_file_that_a_stranger_checks(
    world: World, operator: Caller, sealed: str
) -> None:
    """The very document that `cashback ledger prove` prints, down to the chain; one line by its position."""
    response = await operator.get(f"/v1/cashback/{sealed}/proof")
    assert response.json() == msgspec.to_builtins(await Prover(world.auditor).prove(sealed))
    proved = check_proof(read_proof(response.content))
    assert [line["cause"] for line in proved.lines] == ["accrual", "conversion", "request", "mint"]
    assert all(anchor.is_anchored for anchor in proved.anchors)
    wanted = proved.lines[1]["position"]
    one = await operator.get(f"/v1/cashback/{sealed}/proof", params={"line": wanted})
    assert [line["position"] for line in check_proof(read_proof(one.content)).lines] == [wanted]


async def test_what_cannot_be_proved_says_why(world: World, operator: Caller, sealed: str) -> None:
    """Not sealed yet: the same request will do; a line of another cashback, nothing posted, nobody's cashback."""
    user, shop = await world.user(), await world.merchant()
    new, declined = await world.record(buy(user, shop), buy(user, shop, currency="GBP"))
    refused = await operator.get(f"/v1/cashback/{new.cashback.id}/proof")
    assert_problem(refused, 503, "not_sealed")
    assert refused.headers["Retry-After"]
    assert_problem(await operator.get(f"/v1/cashback/{declined.cashback.id}/proof"), 409, "nothing_posted")
    other = await operator.get(f"/v1/cashback/{sealed}/proof", params={"line": 2**62})
    assert_problem(other, 404, "statement_line_unknown", parameter="line")
    assert_problem(
        await operator.get(f"/v1/cashback/{new_id('cb')}/proof"), 404, "cashback_unknown", parameter="cashback_id"
    )
    for wrong in ("0", "x", str(2**63)):
        refused = await operator.get(f"/v1/cashback/{sealed}/proof", params={"line": wrong})
        assert_problem(refused, 422, "request_invalid", parameter="line")


async def test_a_proof_over_rest_is_bounded(world: World, sealed: str) -> None:
    """So many lines and no more, unless one is named: others wait while paths are computed."""
    prover = Prover(world.api, lines_max=3)
    with pytest.raises(Exception, match="at most 3 lines"):
        await prover.prove(sealed)
    assert len((await prover.prove(sealed, position=await _position(world, sealed))).lines) == 1


async def test_seals_are_told_with_how_far_they_are_on_the_chain(world: World, operator: Caller, sealed: str) -> None:
    """The newest first, page by page; those before the anchored one are anchored by it."""
    last = await world.one("select max(number) from ledger.seals")
    pages = [page async for page in _pages(operator, "/v1/seals", limit=2)]
    items = [item for page in pages for item in page]
    assert [item["number"] for item in items] == [str(number) for number in range(last, 0, -1)]
    assert len(pages) == -(-last // 2) > 1
    assert {item["anchored_by"] for item in items} == {str(last)}
    assert [item["anchor"]["state"] for item in items if item["anchor"]] == ["final"]
    one = (await operator.get("/v1/seals/1")).json()
    assert one == items[-1]
    assert one["hash"] == items[-2]["previous"]
    stored = await world.one("select encode(root, 'hex') from ledger.seals where number = 1")
    assert (one["root"], one["first_leaf"], one["last_leaf"], one["anchor"]) == (stored, "1", "4", None)
    for path in (f"/v1/seals/{last + 1}", "/v1/seals/9223372036854775806"):
        assert_problem(await operator.get(path), 404, "seal_unknown", parameter="number")
    for path in ("/v1/seals/0", "/v1/seals/9223372036854775807"):
        assert_problem(await operator.get(path), 422, "request_invalid", parameter="number")


async def test_runs_of_the_reconciliation_are_told_as_they_were_stored(world: World, operator: Caller) -> None:
    """Figures of a chain are strings, so that no reader rounds them; each run by its number."""
    numbers = [(await world.rows(RUN, block))[0][0] for block in (7, 8, 9)]
    pages = [page async for page in _pages(operator, "/v1/reconciliations", limit=2)]
    one, two, three = map(str, numbers)
    assert [[item["number"] for item in page] for page in pages] == [[three, two], [one]]
    told = (await operator.get(f"/v1/reconciliations/{one}")).json()
    assert told == pages[1][0]
    assert (told["at_block"], told["after_block"], told["mode"], told["asked_by"]) == ("7", None, "whole", "person")
    assert (told["total_supply"], told["burned"], told["explained"]) == (str(10**30), "5", None)
    assert (told["findings_count"], told["kinds"]) == (2, {"unexpected_log": 2})
    assert_problem(
        await operator.get(f"/v1/reconciliations/{numbers[-1] + 1}"), 404, "reconciliation_unknown", parameter="number"
    )


async def test_recomputations_are_told_the_newest_first(world: World, operator: Caller, sealed: str) -> None:
    """Whoever ran them, with how many balances differed and which first."""
    for who in ("alice", "bob"):
        await Recomputer(world.worker, clock=world.clock, by=who).recompute()
    await world.rows("update ledger.accounts set balance = balance + 1 where kind = 'funding'")
    await Recomputer(world.worker, clock=world.clock, by="carol").recompute()
    await world.rows("update ledger.accounts set balance = balance - 1 where kind = 'funding'")
    [carol, bob], [alice] = [page async for page in _pages(operator, "/v1/recomputations", limit=2)]
    assert [run["by"] for run in (carol, bob, alice)] == ["carol", "bob", "alice"]
    assert (alice["differences"], alice["first_difference"]) == (0, None)
    assert carol["differences"] == await world.one("select count(*) from ledger.accounts where kind = 'funding'")
    assert "funding" in carol["first_difference"]


async def test_decisions_are_told_to_the_byte_and_replayed(world: World, operator: Caller, rest: Rest) -> None:
    """Bytes and digest as they are stored; decided anew they are the same, until somebody changes them."""
    user, shop = await world.user(), await world.merchant()
    [bought] = await world.record(buy(user, shop))
    path = f"/v1/cashback/{bought.cashback.id}/decisions"
    [told] = (await operator.get(path)).json()["items"]
    document = await world.one("select document from ledger.decisions where cashback_id = %s", bought.cashback.id)
    assert (told["document"].encode(), told["sha256"]) == (document, sha256(document).hexdigest())
    assert (told["sequence"], told["engine"]) == (1, ENGINE)
    assert told["ruleset_id"] == await world.one("select id from ledger.rulesets order by starts_at desc limit 1")
    same = (await operator.get(f"{path}/replay")).json()
    assert same == {"decisions": 1, "different": 0, "differences": []}
    await tampered(world, bought.cashback.id, b'"amount":"10000"', b'"amount":"20000"')
    replayed = (await operator.get(f"{path}/replay")).json()
    alone = await Replays(world.auditor).of_cashback(bought.cashback.id)
    assert replayed == msgspec.json.decode(msgspec.json.encode(alone))
    assert (replayed["different"], replayed["differences"][0]["detail"]) == (1, "it decides otherwise now")
    await tampered(world, bought.cashback.id, b'"engine"', b'"motor"')
    [unreadable] = (await operator.get(path)).json()["items"]
    assert (unreadable["engine"], unreadable["ruleset_id"]) == (None, None)
    assert (await operator.get(f"{path}/replay")).json()["different"] == 1


async def test_what_nobody_earned_has_no_decision(operator: Caller) -> None:
    """There is none of a cashback that does not exist; what is asked of one is 404."""
    for what in ("decisions", "decisions/replay"):
        assert_problem(
            await operator.get(f"/v1/cashback/{new_id('cb')}/{what}"), 404, "cashback_unknown", parameter="cashback_id"
        )


async def test_only_an_operator_sees_them(world: World, rest: Rest, sealed: str) -> None:
    """A merchant's own cashback too: its lines tell what the budget holds and what the user has of other merchants."""
    shop = await world.one("select merchant_id from ledger.cashback_ledger where id = %s", sealed)
    merchant = await rest.merchant(await world.people.merchant(shop))
    assert (await merchant.get(f"/v1/cashback/{sealed}")).status_code == 200
    cashback = f"/v1/cashback/{sealed}"
    of_cashback = (f"{cashback}/proof", f"{cashback}/decisions", f"{cashback}/decisions/replay")
    journals = ("/v1/seals", "/v1/seals/1", "/v1/reconciliations", "/v1/reconciliations/1", "/v1/recomputations")
    for path in (*of_cashback, *journals):
        assert_problem(await merchant.get(path), 403, "operator_only")
        assert_problem(await rest.nobody.get(path), 401, "api_key_invalid")


async def _pages(caller: Caller, path: str, *, limit: int) -> Any:  # noqa: ANN401  # of each list its own items
    """Yield the items of each page."""
    cursor: dict[str, str] = {}
    while True:
        page = (await caller.get(path, params={"limit": limit, **cursor})).json()
        yield page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


async def _position(world: World, cashback_id: str) -> int:
    """Return where the first line of a cashback stands."""
    found = await world.one("select min(position) from ledger.transfers where cashback_id = %s", cashback_id)
    return int(str(found))
