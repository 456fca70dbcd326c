"""The gates on forge's reports can fail: each sees what is planted for it, and is silent where nothing is amiss."""

import pytest

from tests.contract.forge_reports import branches, broken_invariants, gas_changes, uncovered

COVERED = """\
SF:src/Token.sol
DA:7,9
FN:5,Token.mint
FNDA:9,Token.mint
BRDA:7,0,0,4
DA:9,3
BRDA:9,1,0,2
BRDA:9,1,1,1
end_of_record
"""


def test_a_report_of_branches_that_all_went_both_ways_has_no_complaint() -> None:
    """An `if` without `else` was taken four times of nine; of the other one both ways are counted."""
    assert uncovered(COVERED) == []
    assert branches(COVERED) == {"src/Token.sol": 2 + 1}


@pytest.mark.parametrize(
    "was,planted,complaint",
    [
        ("BRDA:7,0,0,4", "BRDA:7,0,0,0", "src/Token.sol:7: way 1 of the branch never went"),
        ("BRDA:7,0,0,4", "BRDA:7,0,0,-", "src/Token.sol:7: way 1 of the branch never went"),
        ("BRDA:7,0,0,4", "BRDA:7,0,0,9", "src/Token.sol:7: way 2 of the branch never went"),
        ("BRDA:9,1,1,1", "BRDA:9,1,1,0", "src/Token.sol:9: way 2 of the branch never went"),
        ("FNDA:9,Token.mint", "FNDA:0,Token.mint", "src/Token.sol: Token.mint was never called"),
    ],
    ids=["never taken", "never reached", "always taken", "else never taken", "function never called"],
)
def test_a_planted_gap_in_the_coverage_is_named(was: str, planted: str, complaint: str) -> None:
    """One way of one branch missing is enough, and the place is told."""
    assert uncovered(COVERED.replace(was, planted)) == [complaint]


def test_gas_as_committed_has_no_complaint() -> None:
    """The same figures, whatever their order."""
    assert gas_changes(committed={"a": "10", "b": "20"}, measured={"b": "20", "a": "10"}) == []


@pytest.mark.parametrize(
    "measured,told",
    [
        ({"mint": "11"}, "mint: rose from 10 to 11; make it cheaper"),
        ({"mint": "9"}, "mint: fell from 10 to 9; accept it with `npm run gas`"),
        ({"mint": "10", "burn": "5"}, "burn: new; accept it with `npm run gas`"),
        ({}, "mint: not measured any more; accept it with `npm run gas`"),
    ],
    ids=["rise", "fall", "new", "gone"],
)
def test_a_planted_change_of_gas_is_told_with_what_to_do(measured: dict[str, str], told: str) -> None:
    """A rise must be argued for; a fall is accepted by a command that stands in the message."""
    [change] = gas_changes(committed={"mint": "10"}, measured=measured)
    assert change.startswith(told)


def test_a_broken_invariant_is_read_from_the_event_that_tells_it() -> None:
    """With its reason; a source that does not compile breaks none."""
    told = 'Compiling\n{"event":"failure","invariant":"invariant_C1_Supply","reason":"Unequal(1, 2)"}\n[FAIL] ...\n'
    assert broken_invariants(told) == {"invariant_C1_Supply": "Unequal(1, 2)"}
    assert broken_invariants("Compiler run failed:\nError (7576): Undeclared identifier.") == {}
