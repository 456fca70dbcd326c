"""That what is written by hand about the contracts is what their committed artefacts say."""

import json
from importlib.resources import files

import pytest
from eth_utils.crypto import keccak

from cashback.chain.gateway import contracts, decoding, filters
from cashback.chain.gateway.artefact import artefact
from cashback.chain.rules import anchoring, packing, reverts

ABIS = {
    name: json.loads(files("cashback.chain").joinpath("artifacts", f"{name}.json").read_text())["abi"]
    for name in ("CashbackToken", "CashbackMinter")
}


def selectors(kind: str) -> dict[str, bytes]:
    """Return the hash of every function, event or error of both contracts, by name."""
    return {
        entry["name"]: bytes(keccak(text=f"{entry['name']}({','.join(arg['type'] for arg in entry['inputs'])})"))
        for abi in ABIS.values()
        for entry in abi
        if entry["type"] == kind
    }


def test_the_selectors_of_calls_are_those_of_the_abi() -> None:
    """A changed signature in the contract turns this red before it turns a transaction into a revert."""
    known = {name: value[:4] for name, value in selectors("function").items()}
    assert known["mintBatch"] == packing.SELECTOR_MINT_BATCH
    assert known["mintScattered"] == packing.SELECTOR_MINT_SCATTERED
    assert known["anchor"] == anchoring.SELECTOR_ANCHOR
    views = {
        "paused": contracts._PAUSED,
        "available": contracts._AVAILABLE,
        "hasRole": contracts._HAS_ROLE,
        "totalSupply": contracts._TOTAL_SUPPLY,
        "CAP": contracts._CAP,
        "TOKEN": contracts._TOKEN,
        "decimals": contracts._DECIMALS,
        "balancesOf": contracts._BALANCES_OF,
    }
    assert {name: known[name] for name in views} == views


def test_the_topics_of_logs_are_those_of_the_abi() -> None:
    """The truth about a mint is read from these."""
    known = selectors("event")
    assert known["CashbackMinted"] == decoding.MINTED
    assert known["CashbackSkipped"] == decoding.SKIPPED
    assert known["CashbackRetired"] == decoding.RETIRED
    assert known["Anchored"] == decoding.ANCHORED
    assert known["Transfer"] == filters.TRANSFER


def test_the_roles_are_named_as_in_the_contracts() -> None:
    """Hashes of their names."""
    assert keccak(text="MINTER_ROLE") == contracts.MINTER_ROLE
    assert keccak(text="OPERATOR_ROLE") == contracts.OPERATOR_ROLE


@pytest.mark.parametrize(
    "error,reason",
    [
        ("EnforcedPause", "minter_paused"),
        ("LimitExceeded", "mint_limit_reached"),
        ("CapExceeded", "supply_cap_reached"),
        ("AccessControlUnauthorizedAccount", "role_missing"),
        ("BatchTooLarge", "batch_too_large"),
        ("WindowOutOfRange", "window_out_of_range"),
        ("LengthMismatch", "length_mismatch"),
    ],
)
def test_a_revert_is_named_by_its_selector(error: str, reason: str) -> None:
    """Nodes do not decode custom errors."""
    revert = selectors("error")[error][:4] + bytes(64)
    assert reverts.reason(revert, gas=100, gas_used=50) == reason


@pytest.mark.parametrize(
    "revert,gas_used,reason", [(None, 50, "unexplained"), (b"", 50, "unexplained"), (b"\1\2\3\4", 50, "unexplained")]
)
def test_a_revert_without_known_words_is_unexplained(revert: bytes | None, gas_used: int, reason: str) -> None:
    """It is counted as a mistake of ours."""
    assert reverts.reason(revert, gas=100, gas_used=gas_used) == reason


def test_a_revert_that_nobody_explains_is_no_mistake_when_nodes_have_forgotten_its_state() -> None:
    """As long as they have it a replay would tell; what a replay does tell stands at any age."""
    kept = reverts.STATES_KEPT_BLOCKS
    assert reverts.reason(None, gas=100, gas_used=50, age_blocks=kept) == "unexplained"
    assert reverts.reason(None, gas=100, gas_used=50, age_blocks=kept + 1) == "state_forgotten"
    assert reverts.reason(b"\1\2\3\4", gas=100, gas_used=50, age_blocks=kept + 1) == "unexplained"
    assert "state_forgotten" in reverts.PASSING


def test_a_call_that_used_all_its_gas_ran_out_of_it() -> None:
    """Whatever a replay says."""
    assert reverts.reason(None, gas=100, gas_used=100) == "out_of_gas"


def test_a_contract_is_recognised_whatever_its_immutable_values_are() -> None:
    """Where the artefact has zeros for an immutable, anything may stand; elsewhere nothing else."""
    token = artefact("CashbackToken")
    code = bytearray.fromhex(token.deployed_bytecode.removeprefix("0x"))
    assert token.is_code(bytes(code))
    hole = code.index(bytes(32))
    code[hole : hole + 32] = b"\xaa" * 32
    assert token.is_code(bytes(code))
    code[0] ^= 1
    assert not token.is_code(bytes(code))
    assert not token.is_code(b"")
    assert not artefact("CashbackMinter").is_code(bytes.fromhex(token.deployed_bytecode.removeprefix("0x")))
