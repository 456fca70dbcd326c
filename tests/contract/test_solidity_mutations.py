"""Each invariant of the contracts can fail: with one guard taken out of the sources, forge finds the sequence."""

from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.contract.forge_reports import broken_invariants
from tests.support.node import run_program

FORGE_WITHIN_S: Final = 300
# As coverage does: quick to compile, and the invariants ask nothing of the optimizer.
QUICK: Final = {"FOUNDRY_VIA_IR": "false", "FOUNDRY_OPTIMIZER": "false", "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0"}


class Mutation(msgspec.Struct, frozen=True):
    """One guard less: the first `guard` of a source reads `instead`, and `invariant` is what notices."""

    invariant: str
    source: str
    guard: str
    instead: str


MUTATIONS: Final = {
    "a mint that says less than it makes": Mutation(
        "C1", "CashbackToken", "_mint(to, amount)", "_mint(to, amount + 1)"
    ),
    "a number that is not marked": Mutation("C2", "CashbackToken", "(bits | mask, amount)", "(bits, amount)"),
    "a retired number that is not used": Mutation("C3", "CashbackToken", "= bits | mask;", "= bits;"),
    "a token that anybody mints": Mutation("C4", "CashbackToken", "onlyRole(MINTER_ROLE)", ""),
    "a cap that is not kept": Mutation("C5", "CashbackToken", "if (supply > CAP)", "if (supply > 2 * CAP)"),
    "a new limit that reaches back": Mutation("C6", "CashbackMinter", "_limiter.sync(BUCKET);", ""),
    "an old module that keeps the role": Mutation(
        "C7", "CashbackToken", "_revokeRole(MINTER_ROLE, oldMinter) &&", "oldMinter == newMinter ||"
    ),
    "a limit that is charged half": Mutation(
        "C8", "CashbackMinter", "tryConsume(BUCKET, minted)", "tryConsume(BUCKET, minted / 2)"
    ),
    "a pause that stops no mint": Mutation("C9", "CashbackMinter", "whenNotPaused", ""),
    "an admin who need not wait": Mutation("C10", "CashbackToken", "(adminDelay, admin)", "(adminDelay / 2, admin)"),
}


def forge(workshop: Path, invariant: str) -> str:
    """Run one invariant and return what forge printed."""
    return run_program(
        *(str(workshop / "node_modules" / ".bin" / "forge"), "test", "--match-test", f"invariant_{invariant}_"),
        folder=workshop,
        within_s=FORGE_WITHIN_S,
        FOUNDRY_SOLC=str(workshop / "solc.mjs"),
        **QUICK,
    )


@pytest.mark.deep
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_without_its_guard_an_invariant_fails(workshop: Path, mutation: Mutation) -> None:
    """It fails by its own assertion: neither because the source does not compile nor because a call reverts."""
    source = workshop / "src" / f"{mutation.source}.sol"
    whole = source.read_text()
    assert mutation.guard in whole
    source.write_text(whole.replace(mutation.guard, mutation.instead, 1))
    try:
        with pytest.raises(AssertionError) as caught:
            forge(workshop, mutation.invariant)
    finally:
        source.write_text(whole)
    [(name, reason)] = broken_invariants(str(caught.value)).items()
    assert name.startswith(f"invariant_{mutation.invariant}_")
    assert reason.startswith("Unequal(")
