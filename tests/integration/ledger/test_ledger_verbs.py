"""`cashback ledger ...` as an auditor types it: exit codes, JSON for programs, a file for a stranger."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cashback.cli import command
from cashback.cli.command import EXIT_DIFFERENCE, EXIT_REJECTED, EXIT_UNAVAILABLE
from cashback.ledger.service import Audits, Recomputer
from tests.integration.ledger.sealing import minted, seal_all
from tests.integration.ledger.test_proving import Publisher, publish
from tests.integration.ledger.world import Dsns, World, buy

Type = Callable[..., Any]


@pytest.fixture
def say(dsns: Dsns, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Type:
    """Give a way to type a verb beside a running world, and to read what a program reads."""
    monkeypatch.setenv("CASHBACK_LEDGER_AUDIT_DSN", dsns.of("cashback_auditor"))

    async def run(*arguments: str, code: int = 0) -> str:
        """Run a verb of the books."""
        capfd.readouterr()
        found = await asyncio.to_thread(command.run, ["ledger", *arguments])
        said = capfd.readouterr()
        assert found == code, said.err + said.out
        return said.out if code in (0, EXIT_DIFFERENCE) else said.err

    return run


async def test_sound_books_and_tampered_ones(world: World, say: Type) -> None:
    """0 and the figures; 3 and the first difference, for people and for programs."""
    await minted(world)
    await seal_all(world)
    assert msgspec.json.decode(await say("verify", "--json"))["flaw"] is None
    # No anchor was looked for, which is another thing than none being there.
    assert "not asked for on the chain: --rpc-url and --minter do" in await say("verify")
    await world.rows(
        "set session_replication_role = replica; update ledger.transfers set amount = 9 where position = 2"
    )
    found = msgspec.json.decode(await say("verify", "--json", code=EXIT_DIFFERENCE))
    assert found["flaw"]["fault"] == "row_changed"
    assert "row_changed" in await say("verify", code=EXIT_DIFFERENCE)
    await say("verify", "--from-seal", "9", code=EXIT_REJECTED)


async def test_some_cashbacks_are_checked_by_their_ids(world: World, say: Type) -> None:
    """0 and a line for each; 3 when one differs, or is not on the chain that is asked; never beside other choices."""
    one, two = await minted(world, cashbacks=2)
    await seal_all(world)
    [first, second] = msgspec.json.decode(await say("verify", one, two, "--json"))["cashbacks"]
    assert [(each["cashback_id"], each["lines"], each["flaw"]) for each in (first, second)] == [
        (one, 4, None),
        (two, 4, None),
    ]
    assert two in await say("verify", one, two)
    node = ("--rpc-url", "http://127.0.0.1:1", "--minter", "0x" + "11" * 20)
    assert "anchor_unknown" in await say("verify", one, *node, code=EXIT_DIFFERENCE)
    await world.rows(
        f"set session_replication_role = replica; update ledger.transfers set amount = 9 where cashback_id = '{two}'"
    )
    assert "row_changed" in await say("verify", two, code=EXIT_DIFFERENCE)
    await say("verify", one, "--from-seal", "2", code=2)
    await say("verify", *[one] * 101, code=2)
    await say("verify", "cb_nobody", code=EXIT_REJECTED)


async def test_a_proof_is_checked_without_any_setting(
    world: World, say: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written beside the books and read where nothing of ours is known."""
    [cashback_id] = await minted(world)
    assert "not_sealed" in await say("prove", cashback_id, code=EXIT_UNAVAILABLE)
    await seal_all(world)
    file = tmp_path / "proof.json"
    file.write_text(await say("prove", cashback_id))
    monkeypatch.delenv("CASHBACK_LEDGER_AUDIT_DSN")
    await say("verify", "--proof", str(file), cashback_id, code=2)
    proved = msgspec.json.decode(await say("verify", "--proof", str(file), "--json"))
    assert [line["cause"] for line in proved["proved"]["lines"]] == ["accrual", "conversion", "request", "mint"]
    assert "conversion" in await say("verify", "--proof", str(file))
    file.write_text(file.read_text().replace("conversion", "conversation"))
    assert "proof_invalid" in await say("verify", "--proof", str(file), code=EXIT_REJECTED)


async def test_what_nobody_anchored_is_a_difference_to_whoever_asks_the_chain(
    world: World, say: Type, tmp_path: Path
) -> None:
    """No node has to be asked for that."""
    await world.programme()
    [bought] = await world.record(buy(await world.user(), await world.merchant()))
    await seal_all(world)
    file = tmp_path / "proof.json"
    file.write_text(await say("prove", bought.cashback.id))
    node = ("--rpc-url", "http://127.0.0.1:1", "--minter", "0x" + "11" * 20)
    assert "not anchored yet" in await say("verify", "--proof", str(file), *node, code=EXIT_DIFFERENCE)
    await say("verify", "--proof", str(file), *node[:2], code=2)


async def test_a_statement_and_a_balance_of_the_past(world: World, say: Type) -> None:
    """For people, for programs and for a spreadsheet; an instant is said with its offset."""
    await minted(world)
    [(user,)] = await world.rows("select distinct user_id from ledger.cashback_ledger")
    period = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")
    told = msgspec.json.decode(await say("statement", user, *period, "--format", "json"))
    assert (len(told["money_lines"]), len(told["token_lines"])) == (2, 2)
    assert (await say("statement", user, *period, "--format", "csv")).count("\r\n") == 1 + 2 + 4 + 2
    assert "Tokens arrived in the wallet" in await say("statement", user, *period)
    balance = msgspec.json.decode(await say("balance", user, "--known-at", "2026-03-02T00:00:00Z", "--json"))
    assert balance["tokens"][0]["total"] == "1500000"
    assert "minted" in await say("balance", user, "--effective-at", "2026-03-02T00:00:00+01:00")
    await say("statement", user, "--from", "2026-03-01", "--to", "2026-03-02T00:00:00Z", code=2)
    await say("balance", user, code=EXIT_REJECTED)
    await say("statement", user, period[0], period[3], period[2], period[1], code=EXIT_REJECTED)


@pytest.mark.parametrize("user_id", ["usr_01k9z3v6q8e2r9xw5t4c7m1n0p", "nobody"])
async def test_of_a_user_that_there_is_not_nothing_is_told(user_id: str, world: World, say: Type) -> None:
    """As the API answers it: somebody else's empty statement would hide a slip in the id."""
    await minted(world)
    period = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z")
    for words in (
        ("statement", user_id, *period),
        ("statement", user_id, *period, "--format", "csv"),
        ("balance", user_id, "--known-at", "2026-03-02T00:00:00Z"),
        ("balance", user_id, "--effective-at", "2026-03-02T00:00:00Z", "--json"),
    ):
        assert "user_unknown: there is no such user" in await say(*words, code=EXIT_REJECTED)


async def test_one_who_has_earned_nothing_yet_has_an_empty_statement(world: World, say: Type) -> None:
    """The ledger knows nothing of them, and yet there they are."""
    user = await world.user()
    told = msgspec.json.decode(await say("balance", user.id, "--known-at", "2026-03-02T00:00:00Z", "--json"))
    assert (told["money"], told["is_before_first"]) == ([], True)


async def test_the_books_as_a_whole(world: World, say: Type, dsns: Dsns, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 as long as they add up, 3 when they do not; the run is recorded by the operator's role."""
    monkeypatch.setenv("CASHBACK_LEDGER_OPERATOR_DSN", dsns.of("cashback_operator"))
    await minted(world)
    assert msgspec.json.decode(await say("trial-balance", "--json"))["is_balanced"]
    assert "funding" in await say("trial-balance", "--at", "2026-03-02T00:00Z")
    assert msgspec.json.decode(await say("recompute", "--json"))["differences"] == 0
    assert await world.one("select count(*) from ledger.recomputations") == 1
    await world.rows("update ledger.accounts set balance = balance + 1 where kind = 'budget'")
    await say("trial-balance", code=EXIT_DIFFERENCE)
    assert "/budget/USD holds" in await say("recompute", code=EXIT_DIFFERENCE)


async def test_seals_and_recomputations_are_listed_in_the_words_of_the_api(world: World, say: Type) -> None:
    """The newest first, for people and for programs."""
    await minted(world)
    await seal_all(world, leaves_max=3)
    await publish(world, Publisher())
    for who in ("alice", "bob"):
        await Recomputer(world.worker, clock=world.clock, by=who).recompute()
    audits = Audits(world.auditor)
    told = msgspec.json.decode(await say("seals", "--json"))
    assert told == msgspec.json.decode(msgspec.json.encode((await audits.seals(after=None, limit=50))[0]))
    [newest] = msgspec.json.decode(await say("seals", "--limit", "1", "--json"))
    assert newest == told[0]
    assert "final" in await say("seals")
    runs = msgspec.json.decode(await say("recomputations", "--json"))
    assert [run["by"] for run in runs] == ["bob", "alice"]
    assert runs == msgspec.json.decode(msgspec.json.encode((await audits.recomputations(after=None, limit=50))[0]))
    assert "alice" in await say("recomputations")


async def test_seals_and_recomputations_say_when_there_are_more(
    world: World, dsns: Dsns, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the results, for people and for programs alike."""
    monkeypatch.setenv("CASHBACK_LEDGER_AUDIT_DSN", dsns.of("cashback_auditor"))
    await minted(world)
    await seal_all(world, leaves_max=3)
    for who in ("alice", "bob"):
        await Recomputer(world.worker, clock=world.clock, by=who).recompute()
    for verb in ("seals", "recomputations"):
        for words in ((verb,), (verb, "--json")):
            for limit, is_said in (("1", True), ("200", False)):
                capfd.readouterr()
                assert await asyncio.to_thread(command.run, ["ledger", *words, "--limit", limit]) == 0
                assert ("there are more: raise --limit" in capfd.readouterr().err) is is_said, words
