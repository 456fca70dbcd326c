"""The table of every verb that lists: on a terminal of 80 columns no line is wider, with values as long as real ones.

What the API answers is made from its own types, so that a field it gets tomorrow is in the table of this test.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
import pytest

from cashback import minting
from cashback.cli import command, dlq, keys, mints, reconcile, setup
from cashback.client import Call
from cashback.kernel import db
from cashback.kernel.bus import dead_letters
from cashback.kernel.config import Dsn
from cashback.kernel.money import TokenUnits
from cashback.ledger.http.debts import DebtorPage, ProgrammeDebtPage
from cashback.ledger.http.programmes import ProgrammePage
from cashback.ledger.http.queues import ExpiringList, ReviewPage
from cashback.ledger.model.audits import ReconciliationStory
from cashback.minting.model import Inclusion, Mint, MintState
from cashback.processes import doctor, migrate
from cashback.processes import reconcile as reconciling
from cashback.processes.client import Client
from cashback.purchases.http.adjustments import AdjustmentPage
from cashback.purchases.http.campaigns import CampaignPage
from cashback.purchases.http.directory import MerchantPage, UserPage
from cashback.purchases.http.listing import PurchasePage, RefundPage
from cashback.purchases.http.ownership import WalletChangePage
from cashback.purchases.http.people import CashbackPage
from cashback.purchases.http.rates import RatePage
from cashback.purchases.http.refunds import ParkedPage
from cashback.purchases.http.ruleset_readings import DraftPage, VersionPage
from cashback.purchases.http.standing import ActivityPage, BlockPage
from cashback.purchases.model import ApiKey
from cashback.webhooks.http.deliveries import DeliveryPage
from cashback.webhooks.http.endpoints import EndpointPage
from cashback.webhooks.http.events import EventPage
from tests.unit.cli.conftest import OnTerminal
from tests.unit.cli.test_help import LEAVES

T = TypeVar("T")
ID: Final = "cb_01m82sq57aevhveq2bjmtfsr85"
WALLET: Final = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
HASH: Final = b"\x5f" * 32
AT: Final = datetime(2026, 11, 23, 10, 17, 23, 419_061, tzinfo=UTC)
SENTENCE: Final = "it was taken back because the customer returned all of it within the same day and asked for it"

_OF_PYTHON: Final = re.compile(r"\b(None|True|False|datetime)\b|[\[({]'|'[\])}]|\(\)|<\w+\.|\bb'")
"""How Python shows what is no text or number."""

OVER_REST: Final[dict[str, tuple[tuple[str, ...], dict[str, type]]]] = {
    "adjustment list": ((), {"/v1/adjustments": AdjustmentPage}),
    "campaign list": (("prg_1",), {"/v1/programmes/prg_1/campaigns": CampaignPage}),
    "debts list": ((), {"/v1/debts": DebtorPage, "/v1/debts/programmes": ProgrammeDebtPage}),
    "events list": ((), {"/v1/events": EventPage}),
    "expiring": ((), {"/v1/expiring": ExpiringList}),
    "merchant list": ((), {"/v1/merchants": MerchantPage}),
    "merchant deactivations": (("mer_1",), {"/v1/merchants/mer_1/deactivations": ActivityPage}),
    "programme list": ((), {"/v1/programmes": ProgrammePage}),
    "purchase list": ((), {"/v1/purchases": PurchasePage}),
    "rates list": ((), {"/v1/exchange-rates": RatePage}),
    "refund list": ((), {"/v1/refunds": RefundPage}),
    "refund parked": ((), {"/v1/refunds/parked": ParkedPage}),
    "review list": ((), {"/v1/reviews": ReviewPage}),
    "ruleset list": (("prg_1",), {"/v1/programmes/prg_1/rulesets": VersionPage}),
    "ruleset list --drafts": (("prg_1",), {"/v1/programmes/prg_1/drafts": DraftPage}),
    "webhook deliveries": (("whe_1",), {"/v1/webhooks/endpoints/whe_1/deliveries": DeliveryPage}),
    "webhook list": ((), {"/v1/webhooks/endpoints": EndpointPage}),
    "user list": ((), {"/v1/users": UserPage}),
    "user cashback": (("usr_1",), {"/v1/users/usr_1/cashback": CashbackPage}),
    "user blocks": (("usr_1",), {"/v1/users/usr_1/blocks": BlockPage}),
    "user wallet-changes": (("usr_1",), {"/v1/users/usr_1/wallet-changes": WalletChangePage}),
}
"""Each verb that lists what the API tells: what else it needs, and what it asks for."""

ELSEWHERE: Final = {"dlq list", "doctor", "keys list", "migrate", "mint list", "reconcile --last"}
"""Those that look for themselves."""


def test_no_verb_that_lists_is_left_out() -> None:
    """A new one comes here."""
    lists = {" ".join(path) for path in LEAVES if path[-1] == "list"}
    assert lists <= {*OVER_REST, *ELSEWHERE}


@pytest.mark.parametrize("verb", OVER_REST)
def test_a_list_of_what_the_api_tells_fits_eighty_columns(
    verb: str, monkeypatch: pytest.MonkeyPatch, on_terminal: OnTerminal
) -> None:
    """Ids, wallets, instants, amounts and reasons as long as they come."""
    monkeypatch.setenv("CASHBACK_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CASHBACK_API_KEY", "key")
    words, answers = OVER_REST[verb]
    monkeypatch.setattr(Client, "send", lambda _, call: msgspec.convert(_answer(answers[call.path]), call.answer))
    _fits(on_terminal, *verb.split(), *words)


@pytest.mark.parametrize("verb", sorted(OVER_REST.keys() - {"expiring"}))
def test_a_list_of_what_the_api_tells_says_when_that_is_not_all(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the results, for people and for programs alike; what expires soon is told in one piece."""
    monkeypatch.setenv("CASHBACK_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CASHBACK_API_KEY", "key")
    words, answers = OVER_REST[verb]
    for following, said in (("a place", 1), (None, 0)):

        def send(_: Client, call: Call[T], *, to: str | None = following) -> T:
            """Tell a page that goes on there."""
            return msgspec.convert(_answer(answers[call.path]) | {"next_cursor": to}, call.answer)

        monkeypatch.setattr(Client, "send", send)
        for as_json in ((), ("--json",)):
            assert command.run([*verb.split(), *words, *as_json]) == 0
            assert capsys.readouterr().err.count("there are more") == said


def test_a_list_of_mints_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch, on_terminal: OnTerminal) -> None:
    """With a number of nineteen digits, a hash and a reason."""
    mint = Mint(
        number=2**63 - 1,
        cashback_id=ID,
        recipient=bytes.fromhex(WALLET[2:]),
        amount=TokenUnits(2**63 - 1),
        fingerprint=HASH,
        state=MintState.MINTED,
        submit_attempts=3,
        requested_at=AT,
        inclusion=Inclusion(HASH, 25_123_456, HASH),
        reason=SENTENCE,
    )
    monkeypatch.setattr(mints, "load", lambda _: mints.MintSettings(minting_audit_dsn=Dsn("postgresql://")))
    monkeypatch.setattr(db.Database, "open", lambda *_, **__: _Nothing())
    monkeypatch.setattr(minting.Readings, "page", _later([mint]))
    _fits(on_terminal, "mint", "list")


def test_a_list_of_dead_letters_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch, on_terminal: OnTerminal) -> None:
    """With the longest type and consumer."""
    letter = dead_letters.DeadLetter(
        sequence=10**12,
        subject="cashback.dlq.v1.ledger_mint_outcomes_of_the_chain.com.example.cashback.reservation_released.v1.0",
        given_up_at=AT,
        event_id=f"{ID}-0000000000",
        type="com.example.cashback.reservation_released.v1",
        key=ID,
        consumer="ledger_mint_outcomes_of_the_chain",
        reason=SENTENCE,
        attempts=12,
        first_failed_at=AT.isoformat(),
        original_sequence=10**12,
        original_subject="chain.mint",
        headers={},
        data=b"",
    )
    monkeypatch.setattr(dlq, "with_bus", lambda _: ([letter], {letter.sequence: "discarded"}))
    _fits(on_terminal, "dlq", "list")


def test_a_list_of_keys_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch, on_terminal: OnTerminal) -> None:
    """With a merchant's, scopes, two ends, and others that it came of."""
    key = ApiKey(
        id=ID,
        scope="merchant",
        merchant_id=ID,
        label=SENTENCE,
        created_at=AT,
        revoked_at=AT,
        scopes=("purchases:read", "purchases:write"),
        expires_at=AT,
        replaces=ID,
        created_by=ID,
    )
    monkeypatch.setattr(keys, "_with_keys", _later([msgspec.structs.asdict(key)]))
    _fits(on_terminal, "keys", "list")


def test_what_doctor_and_migrate_list_fits_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, on_terminal: OnTerminal
) -> None:
    """With an address that cannot be reached."""
    monkeypatch.setattr(setup, "load", lambda _: None)
    monkeypatch.setattr(doctor, "examine", _later([doctor.Examined("reconciliation", False, f"{SENTENCE} {WALLET}")]))
    monkeypatch.setattr(migrate, "migrate", lambda *_: {"purchases": "0020_" + "a_rather_long_revision" * 2})
    _fits(on_terminal, "doctor")
    _fits(on_terminal, "migrate")


def a_run() -> ReconciliationStory:
    """Return a reconciliation with long figures."""
    facts: dict[str, Any] = {field.name: str(10**9) for field in msgspec.structs.fields(ReconciliationStory)}
    words = {"mode": "incremental", "reason": SENTENCE, "asked_by": "person", "at_block_hash": "0x" + HASH.hex()}
    kinds = {"wallet_differs": 123, "amount_differs": 4_567}
    found = {"findings_count": 4_690, "kinds": kinds, "began_at": AT - timedelta(hours=1), "ended_at": AT}
    return msgspec.convert(facts | words | found, ReconciliationStory)


def test_the_last_reconciliations_fit_eighty_columns(monkeypatch: pytest.MonkeyPatch, on_terminal: OnTerminal) -> None:
    """With kinds and the reason for a whole run."""
    monkeypatch.setattr(reconcile, "load", lambda _: None)
    monkeypatch.setattr(reconciling, "last_runs", _later([a_run()]))
    _fits(on_terminal, "reconcile", "--last")


@pytest.mark.parametrize("count, title", [(0, "· runs: none"), (1, "the last run\n"), (4, "the last 4 runs\n")])
def test_the_last_reconciliations_are_headed_by_how_many_they_are(
    count: int, title: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten were asked for, and there are fewer."""
    monkeypatch.setattr(reconcile, "load", lambda _: None)
    monkeypatch.setattr(reconciling, "last_runs", _later([a_run()] * count))
    assert command.run(["reconcile", "--last"]) == 0
    told = capsys.readouterr()
    assert (told.out + told.err).startswith(title)


class _Nothing:
    """A connection to nothing."""

    async def __aenter__(self) -> None:
        """Open nothing."""

    async def __aexit__(self, *_: object) -> None:
        """Close nothing."""


def _later(found: object) -> Callable[..., Any]:
    """Return a coroutine function that finds this, whatever it is asked."""

    async def find(*_: object, **__: object) -> object:
        return found

    return find


def _fits(on_terminal: OnTerminal, *words: str) -> None:
    """Assert that a verb tells something, no line of it wider than 80 columns, and nothing as Python writes it."""
    lines = on_terminal(80, lambda: command.run(words)).splitlines()
    assert len(lines) > 2, lines
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if _OF_PYTHON.search(line)] == []


def _answer(kind: type) -> Any:  # noqa: ANN401  # whatever the API tells
    """Return what the API could answer with this type."""
    schema = msgspec.json.schema(kind)
    return _sample(schema, "", schema["$defs"])


def _sample(schema: dict[str, Any], name: str, named: dict[str, Any]) -> Any:  # noqa: ANN401  # as above
    """Return a long value of a schema, of a field with this name; `named` holds what it refers to."""
    if "$ref" in schema:
        return _sample(named[schema["$ref"].rpartition("/")[2]], name, named)
    if either := schema.get("anyOf") or schema.get("oneOf"):
        return _sample(next(each for each in either if each.get("type") != "null"), name, named)
    if schema.get("type") == "object":
        return {key: _sample(value, key, named) for key, value in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_sample(schema["items"], name, named) for _ in range(2)]
    if words := schema.get("enum"):
        return max(words, key=len)
    return {"integer": 1_234_567_890, "boolean": True}.get(schema["type"]) or _text(schema, name)


def _text(schema: dict[str, Any], name: str) -> str:
    """Return a long text of a field with this name."""
    if name in {"at", "as_of", "since", "timestamp"} or name.endswith(("_at", "_since")):
        return AT.isoformat()
    if schema.get("pattern", "").startswith("^(0|"):
        return "9223372036854775807"
    if name == "id" or name.endswith("_id"):
        return ID
    if "wallet" in name:
        return WALLET
    return SENTENCE if name in {"reason", "name", "source", "label"} else "a_word_of_thirty_characters_aa"
