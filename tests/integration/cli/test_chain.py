"""`cashback chain` on a running system: the halt switches turned and shown, by a person with a reason."""

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_REJECTED, EXIT_SETTINGS, EXIT_UNAVAILABLE
from cashback.processes.embedded import free_port
from tests.integration.cli.conftest import Cashback, Dev


def test_minting_is_halted_and_goes_on_and_both_are_told(dev: Dev, cashback: Cashback) -> None:
    """Both switches are turned; `doctor` sees it; lifting tells who had halted it and why, once."""
    halted = cashback("chain", "halt", "--by", "alice", "--reason", "a drill", "--json", settings=dev.settings)
    assert halted.code == 0, halted.err
    assert isinstance(halted.json, list)
    assert [(one["switch"], one["by"], one["reason"], one["detail"]) for one in halted.json] == [
        ("adapter", "alice", "by_hand", "a drill"),
        ("mint worker", "alice", "by_hand", "a drill"),
    ]
    status = cashback("chain", "status", settings=dev.settings)
    assert status.code == EXIT_DIFFERENCE
    assert "needs a person: minting is halted by alice: a drill" in status.out
    doctor = cashback("doctor", settings=dev.settings)
    assert doctor.code == EXIT_DIFFERENCE
    assert "minting is halted by hand" in doctor.out
    assert "`cashback chain resume --reason WHY`" in " ".join(doctor.out.split())
    assert status.out.count("`cashback chain resume --reason WHY`") == 2
    more = cashback("chain", "halt", "--by", "alice", "--reason", "still a drill", settings=dev.settings)
    assert (more.code, "`cashback chain resume --reason WHY`" in more.err) == (0, True)
    resumed = cashback("chain", "resume", "--by", "bob", "--reason", "it is over", settings=dev.settings)
    assert resumed.code == 0, resumed.err
    assert resumed.out.count("a drill") >= 2
    again = cashback("chain", "resume", "--reason", "once more", settings=dev.settings)
    assert again.code == EXIT_REJECTED
    assert "nothing to lift" in again.err
    assert cashback("doctor", settings=dev.settings).code == 0


def test_a_switch_that_does_not_answer_keeps_the_other_from_nothing(dev: Dev, cashback: Cashback) -> None:
    """With the adapter out of reach the mint worker is halted all the same, and nothing is lifted half."""
    away = {"CASHBACK_ADAPTER_ADDRESS": f"127.0.0.1:{free_port()}"}
    half = cashback("chain", "halt", "--by", "carol", "--reason", "a drill", settings=dev.settings, **away)
    assert half.code == EXIT_UNAVAILABLE
    assert "the mint worker is halted, the adapter is not" in half.err
    status = cashback("chain", "status", settings=dev.settings)
    assert status.code == EXIT_DIFFERENCE
    assert "needs a person: the mint worker is halted by carol: a drill" in status.out
    doctor = cashback("doctor", settings=dev.settings)
    assert (doctor.code, "the mint worker is halted by carol" in doctor.out) == (EXIT_DIFFERENCE, True)
    unlifted = cashback("chain", "resume", "--reason", "over", settings=dev.settings, **away)
    assert (unlifted.code, unlifted.err.count("\n")) == (EXIT_UNAVAILABLE, 1), unlifted.err
    lifted = cashback("chain", "resume", "--reason", "it is over", "--json", settings=dev.settings)
    assert lifted.code == 0, lifted.err
    assert isinstance(lifted.json, list)
    assert [one["switch"] for one in lifted.json] == ["mint worker"]


def test_the_verbs_that_turn_the_switches_want_a_reason_and_their_settings(dev: Dev, cashback: Cashback) -> None:
    """A reason that says nothing is refused, and every missing setting is listed."""
    assert cashback("chain", "halt", "--reason", " ", settings=dev.settings).code == EXIT_REJECTED
    assert cashback("chain", "halt", settings=dev.settings).code == 2
    bare = cashback("chain", "halt", "--reason", "a drill", settings={})
    assert bare.code == EXIT_SETTINGS
    assert "CASHBACK_ADAPTER_ADDRESS" in bare.err
    assert "CASHBACK_MINTING_OPERATOR_DSN" in bare.err


def test_a_signer_is_rotated_only_when_another_one_takes_its_place(dev: Dev, cashback: Cashback) -> None:
    """The only one, a stranger and a mistyped one are refused, each with what to do; a lane can be restored always."""
    status = cashback("chain", "status", "--json", settings=dev.settings).json
    assert isinstance(status, dict)
    [lane] = status["lanes"]
    refused = cashback("chain", "rotate", lane["signer"], "--reason", "yearly rotation", settings=dev.settings)
    assert refused.code == EXIT_REJECTED
    assert "is the last signer that takes mints: name its successor" in refused.err
    stranger = cashback("chain", "rotate", "0x" + "11" * 20, "--reason", "yearly rotation", settings=dev.settings)
    assert (stranger.code, "no lane has the signer" in stranger.err) == (EXIT_REJECTED, True)
    typed = cashback("chain", "rotate", lane["signer"].swapcase(), "--reason", "a slip", settings=dev.settings)
    assert (typed.code, "EIP-55" in typed.err) == (EXIT_REJECTED, True)
    same = cashback("chain", "rotate", lane["signer"], "--undo", "--reason", "it is active", settings=dev.settings)
    assert (same.code, "was told so before" in same.out + same.err) == (0, True)


def test_records_are_recovered_under_a_halt_alone_and_a_trial_changes_nothing(dev: Dev, cashback: Cashback) -> None:
    """Refused while lanes sign; then a trial tells of a new epoch that does not begin, and the order begins one."""
    order = ("chain", "recover", "--by", "alice", "--reason", "a drill")
    refused = cashback(*order, settings=dev.settings)
    assert (refused.code, "halt it first" in refused.err) == (EXIT_REJECTED, True)
    assert cashback("chain", "recover", "--dry-run", settings=dev.settings).code == 2
    assert cashback("chain", "halt", "--reason", "a drill", settings=dev.settings).code == 0
    first, second = (cashback(*order, "--dry-run", "--json", settings=dev.settings) for _ in range(2))
    assert (first.code, second.code) == (0, 0), first.err
    assert isinstance(first.json, dict)
    assert isinstance(second.json, dict)
    assert (first.json["is_dry_run"], first.json["reorganised_above"], first.json["taken_back"]) == (True, None, [])
    assert first.json["epoch_before"] == second.json["epoch_before"] != second.json["epoch"]
    done = cashback(*order, settings=dev.settings)
    assert done.code == 0, done.err
    assert "a new one" in done.out
    assert "minting is still halted" in done.err
    assert cashback("chain", "resume", "--reason", "the drill is over", settings=dev.settings).code == 0
