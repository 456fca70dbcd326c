"""What `cashback dev` says while it stays up: of a child that nobody stopped, and of minting that is halted."""

from pathlib import Path

import pytest

from cashback.cli.staying import Halts, how_it_ended

LOG = Path("/data/logs/api.log")


@pytest.mark.parametrize(
    "code, said",
    [
        (0, "has ended with exit code 0; /data/logs/api.log says why"),
        (5, "has ended with exit code 5; /data/logs/api.log says why"),
        (-9, "was ended by SIGKILL from outside; /data/logs/api.log says what it did before"),
        (-40, "was ended by signal 40 from outside; /data/logs/api.log says what it did before"),
        (-15, "was ended by SIGTERM from outside; /data/logs/api.log says what it did before"),
    ],
)
def test_an_exit_code_and_a_signal_are_told_apart(code: int, said: str) -> None:
    """Only who ends by itself has written why."""
    assert how_it_ended(code, LOG) == said


BY_HAND = "minting is halted by hand"
OWN = "minting is halted by hand: a drill"
LIFTED = "once that is mended, `cashback chain resume --reason WHY` lifts every halt"


def test_a_halt_is_said_once_with_what_mends_it_and_once_that_it_is_lifted() -> None:
    """Of each of the two switches; that minting goes on only when neither is on any more."""
    halts = Halts({})
    assert halts.news({"adapter": "", "worker-mint": ""}) == []
    assert halts.news({"adapter": BY_HAND, "worker-mint": ""}) == [f"adapter: {BY_HAND}; {LIFTED}"]
    assert halts.news({"adapter": BY_HAND, "worker-mint": OWN}) == [f"worker-mint: {OWN}; {LIFTED}"]
    assert halts.news({"adapter": BY_HAND, "worker-mint": OWN}) == []
    assert halts.news({"adapter": "", "worker-mint": OWN}) == []
    assert halts.news({"adapter": "", "worker-mint": ""}) == ["minting goes on: every halt is lifted"]
    assert halts.news({"adapter": "", "worker-mint": ""}) == []


def test_a_halt_for_another_reason_is_said_as_well() -> None:
    """And with what mends that one: here the records have to follow the chain."""
    [said] = Halts({"adapter": BY_HAND}).news({"adapter": "minting is halted: reorganised_below_final"})
    assert said.startswith("adapter: minting is halted: reorganised_below_final; the nodes have other blocks")
    assert "`cashback chain recover --reason WHY --dry-run`" in said


@pytest.mark.parametrize("kind", ["cursor_ahead", "cursor_foreign"])
def test_a_halt_of_the_mint_worker_is_said_with_what_mends_it_too(kind: str) -> None:
    """It tells more than the reason; here the adapter's database was restored, and lifting alone would hide that."""
    text = f"minting is halted: {kind}: outcomes were applied up to 7 of epoch epo_1; the stream ends at 3"
    [said] = Halts({}).news({"worker-mint": text})
    assert said.startswith(f"worker-mint: {text}; the chain database is older than what minting has read")
    halted, recovered, lifted = (said.index(f"`cashback chain {verb} ") for verb in ("halt", "recover", "resume"))
    assert halted < recovered < lifted


def test_what_was_told_at_the_start_is_not_said_again() -> None:
    """That it was lifted is."""
    halts = Halts({"adapter": BY_HAND})
    assert halts.news({"adapter": BY_HAND}) == []
    assert halts.news({"adapter": ""}) == ["minting goes on: every halt is lifted"]


@pytest.mark.parametrize("seen", [{"adapter": None}, {}])
def test_whoever_does_not_answer_has_lifted_nothing(seen: dict[str, str | None]) -> None:
    """An adapter that was killed, or is busy starting."""
    halts = Halts({"adapter": BY_HAND})
    assert halts.news(seen) == []
    assert halts.news({"adapter": BY_HAND}) == []
