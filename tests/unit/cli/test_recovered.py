"""What recovering changed, for people and for programs: nothing is cut silently."""

import pytest

from cashback.chain.model import Address, AdoptedLane, Exposed, Hash, Place, Recovered, TakenBack, UnknownMint
from cashback.cli.recovered import document, show
from cashback.ledger.model import Accounted, AccountedKind
from cashback.processes.recovering import Result
from cashback.processes.restored_ledger import Numbers

HASH = Hash(bytes.fromhex("ab" * 32))
RECOVERED = Recovered(
    reorganised_above=17,
    taken_back=[
        TakenBack(number=7, cashback_id="cb_7", amount=1_500_000, place=Place(18, HASH, HASH), reason=""),
        TakenBack(number=8, cashback_id="cb_8", amount=1_500_000, place=Place(18, HASH, HASH), reason="number_retired"),
    ],
    taken_back_count=3,
    unknown=[
        UnknownMint(
            number=9,
            recipient=Address(bytes.fromhex("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")),
            amount=2**70,
            transaction_hash=HASH,
            block_number=19,
        )
    ],
    unknown_count=1,
    lanes=[AdoptedLane(address=Address(bytes(20)), next_nonce_before=2, next_nonce=4, closed_slots=1)],
    exposed=[Exposed(number=8, cashback_id="cb_8", amount=1_500_000, signer=Address(bytes(20)), nonce=3)],
    exposed_count=2,
    waiting_again=5,
    epoch_before="epo_a",
    epoch="epo_b",
)
RESULT = Result(adapter=RECOVERED, ledger=Numbers(adopted=1, listed=1, accounted_to=12))
NUMBERS = [
    Accounted(
        kind=AccountedKind.LEDGER_LOST,
        number=12,
        cashback_id="cb_12",
        recipient="0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        token_units=2**60,
        detail="",
    )
]


def test_a_person_reads_each_void_outcome_and_how_many_are_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """What it was, where it stood, and that the list is shorter than what was changed."""
    show(RESULT, NUMBERS, is_dry_run=False)
    told = capsys.readouterr()
    for expected in ("those above 17", "cb_7", "number_retired", f"0x{HASH.hex()}", "1.500000 CBK", "epo_b, a new one"):
        assert expected in told.out
    assert "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" in told.out
    assert "outcomes taken back: 2 of 3 are listed" in told.err
    assert ("ledger_lost" in told.out, "cb_12" in told.out) == (True, True)
    assert "numbers the ledger had forgotten: 1 of 2 are listed" in told.err
    assert "retired numbers exposed: 1 of 2 are listed" in told.err
    assert "minting is still halted" in told.err


def test_a_trial_says_that_nothing_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody takes it for done."""
    show(RESULT, NUMBERS, is_dry_run=True)
    told = capsys.readouterr()
    assert ("would be recovered" in told.out, "nothing was changed" in told.err) == (True, True)


def test_a_program_gets_numbers_and_amounts_as_strings() -> None:
    """No JSON reader rounds them, however large a foreign amount is."""
    told = document(RESULT, NUMBERS, is_dry_run=True)
    assert told["taken_back"] == [
        {
            "number": "7",
            "cashback": "cb_7",
            "token_units": "1500000",
            "was": "minted",
            "block": 18,
            "transaction": f"0x{HASH.hex()}",
        },
        {
            "number": "8",
            "cashback": "cb_8",
            "token_units": "1500000",
            "was": "number_retired",
            "block": 18,
            "transaction": f"0x{HASH.hex()}",
        },
    ]
    assert [one["token_units"] for one in told["unknown"]] == [str(2**70)]  # type: ignore[attr-defined]  # records
    assert [(one["number"], one["token_units"]) for one in told["numbers"]] == [("12", str(2**60))]  # type: ignore[attr-defined]  # records
    assert (told["numbers_adopted"], told["numbers_listed"], told["numbers_accounted_to"]) == (1, 1, "12")
    assert (told["is_dry_run"], told["taken_back_count"], told["waiting_again"]) == (True, 3, 5)
    assert told["exposed"] == [
        {"number": "8", "cashback": "cb_8", "token_units": "1500000", "signer": f"0x{'0' * 40}", "nonce": 3}
    ]
    assert told["exposed_count"] == 2
