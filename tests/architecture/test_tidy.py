"""Every file keeps the house rules, and every rule can fail: each has a planted violation that turns it red."""

import ast

import pytest

from tests.architecture.tidy import (
    INVARIANTS,
    LINES_PER_FILE,
    LINES_PER_FUNCTION,
    ROOT,
    RULES,
    Rule,
    drawer_module,
    float_near_money,
    hollow_class,
    invariants_cited,
    long_file,
    long_function,
    python_files,
    silent_test,
    sleep,
    unexplained_ignore,
)

# Written in parts, so that the linters do not take these plants for their own.
QA, IGNORE = "qa", "ignore"
LONG_FUNCTION = "def f():\n" + "    pass\n" * LINES_PER_FUNCTION

PLANTED = [
    (long_file, "src/cashback/ledger/store.py", "\n" * (LINES_PER_FILE + 1)),
    (long_function, "src/cashback/ledger/store.py", LONG_FUNCTION),
    (drawer_module, "src/cashback/ledger/utils.py", ""),
    (drawer_module, "tests/helpers/wallets.py", ""),
    (hollow_class, "src/cashback/ledger/service.py", "class LedgerManager: ..."),
    (hollow_class, "tests/support/chain.py", "class ChainInfo: ..."),
    (float_near_money, "src/cashback/ledger/rules.py", "def share(amount: float) -> int: ..."),
    (float_near_money, "src/cashback/purchases/http.py", "rate = 0.015"),
    (float_near_money, "src/cashback/minting/model/mint.py", "amount = float(word)"),
    (float_near_money, "src/cashback/chain/rules.py", "fee = gas * price / 2"),
    (float_near_money, "src/cashback/kernel/money.py", "amount /= 2"),
    (sleep, "src/cashback/kernel/clock.py", "import time\ntime.sleep(1)"),
    (sleep, "tests/e2e/test_flow.py", "await asyncio.sleep(0.1)"),
    (sleep, "tests/support/nats.py", "from time import sleep\nsleep(1)"),
    (silent_test, "tests/unit/test_ids.py", "def test_an_id_is_unique(): ..."),
    (silent_test, "tests/unit/test_ids.py", "class TestIds:\n    async def test_an_id_is_unique(self): ..."),
    (unexplained_ignore, "src/cashback/kernel/ids.py", "import random  # noqa: TID251"),  # planted
    (unexplained_ignore, "src/cashback/kernel/ids.py", "id = 1  # type: ignore[assignment]"),  # planted
]

PERMITTED = [
    (long_file, "src/cashback/ledger/store.py", "\n" * LINES_PER_FILE),
    (long_function, "src/cashback/ledger/store.py", LONG_FUNCTION.removesuffix("    pass\n")),
    (hollow_class, "src/cashback/ledger/service.py", "class Ledger: ..."),
    (float_near_money, "src/cashback/ledger/gateway/__init__.py", "def ask(*, deadline_s: float = 0.3) -> None: ..."),
    (float_near_money, "src/cashback/ledger/gateway/__init__.py", "PATIENCE_S: float = 0.5\nask(deadline_s=0.2)"),
    (float_near_money, "src/cashback/kernel/telemetry.py", "seconds = 0.5"),
    (unexplained_ignore, "src/cashback/kernel/ids.py", "id = 1  # noqa: A001 - the field's own name"),
    (sleep, "tests/support/wait.py", "await asyncio.sleep(0)"),
    (sleep, "src/cashback/kernel/lifecycle.py", "await asyncio.sleep(backoff_s)"),
]


@pytest.fixture(scope="module")
def complaints() -> dict[Rule, list[str]]:
    """Give what each rule has to say of all files that people write here: file by file, so that each is parsed once."""
    said: dict[Rule, list[str]] = {rule: [] for rule in RULES}
    for path in python_files():
        text = (ROOT / path).read_text()
        for rule in RULES:
            said[rule].extend(rule(path, text))
    return said


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Rule, complaints: dict[Rule, list[str]]) -> None:
    """No file that people write here breaks the rule."""
    assert complaints[rule] == []


@pytest.mark.parametrize("rule,path,text", PLANTED, ids=lambda value: getattr(value, "__name__", None))
def test_a_planted_violation_turns_the_rule_red(rule: Rule, path: str, text: str) -> None:
    """The rule sees the violation planted for it."""
    assert list(rule(path, text))


@pytest.mark.parametrize("rule,path,text", PERMITTED, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_permitted_stays_green(rule: Rule, path: str, text: str) -> None:
    """The rule stops exactly at its limit."""
    assert list(rule(path, text)) == []


def test_every_rule_has_a_planted_violation() -> None:
    """A rule nobody has seen red is not trusted."""
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


def test_the_files_held_against_the_rules_are_the_written_ones() -> None:
    """The walk finds source and tests, and leaves generated code out."""
    files = python_files()
    assert "src/cashback/__main__.py" in files
    assert "tests/architecture/test_tidy.py" in files
    assert not [path for path in files if "/wire/" in path]


def test_every_invariant_is_cited_by_a_test() -> None:
    """Each invariant of the design has a test that says it proves it."""
    cited = {name for path in python_files() for name in invariants_cited(path, (ROOT / path).read_text())}
    assert sorted(INVARIANTS - cited) == []


def test_an_invariant_counts_as_cited_only_by_a_test() -> None:
    """A docstring or a mark of a test cites; a comment, a builder or the source does not."""
    by_docstring = 'def test_once():\n    """I2: each is minted once."""'
    by_mark = '@pytest.mark.invariant("I3", "I10")\ndef test_request_first(): ...'
    by_nobody = '# I4\ndef build():\n    """I5."""'
    assert invariants_cited("tests/e2e/test_a.py", by_docstring) == {"I2"}
    assert invariants_cited("tests/e2e/test_a.py", by_mark) == {"I3", "I10"}
    assert invariants_cited("tests/e2e/test_a.py", by_nobody) == frozenset()
    assert invariants_cited("src/cashback/ledger/service.py", by_docstring) == frozenset()


def test_a_planted_violation_is_valid_python() -> None:
    """A plant that does not parse would prove nothing."""
    for _, _, text in [*PLANTED, *PERMITTED]:
        ast.parse(text)
