"""The golden corpus: what the engine has once decided it decides for ever, byte for byte."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final
from unittest import mock

import pytest

from cashback.ledger.model import Reason
from cashback.ledger.rules import ENGINE as BARE
from cashback.ledger.rules import engine_of, replay
from cashback.ledger.rules.engine import ENGINE, RulesetDiffers, judgement_of, matching, published
from cashback.ledger.rules.engine.compile import ready
from tests.support.engine import Case
from tests.unit.ledger.engine.corpus import Entry, drawn, of_engine_1, of_engine_2, stored

RELEASED: Final = {
    BARE: "4585c824d71998fa67e00c2b4791f9653f850ccc3adfe23f34fe154c76459e01",
    2: "576c947bca86bb08ac2d1fdad8eb4b9d5d6351decc6bd77a9e62f8fc69edec2a",
    3: "c3804114f85c5b1a4747add12654d7db9015a42be6927e4fa6d53bebc2bb5264",
}
"""What each engine has decided, as one digest: a line is added with a new engine, and none is ever changed."""


@pytest.fixture
def _forgetful() -> Iterator[None]:
    """Have no ruleset kept ready before or after: a test changes how they are made ready."""
    ready.cache_clear()
    yield
    ready.cache_clear()


def changed(entry: Entry) -> bool:
    """Return whether a stored decision comes out otherwise now."""
    return replay(entry.document.encode(), entry.ruleset) != entry.document.encode()


def test_every_stored_decision_replays_byte_for_byte() -> None:
    """A difference means that behaviour changed: raise `ENGINE`, and keep the old engine for old documents."""
    assert [entry.document for entry in stored() if changed(entry)] == []


def digests(documents: Sequence[str]) -> dict[int, str]:
    """Return for each engine the SHA-256 of its documents, in their order, a line each."""
    found: dict[int, list[str]] = {}
    for document in documents:
        found.setdefault(engine_of(document.encode()), []).append(f"{document}\n")
    return {engine: hashlib.sha256("".join(lines).encode()).hexdigest() for engine, lines in found.items()}


def test_what_a_released_engine_has_decided_is_pinned() -> None:
    """A corpus that was written anew under the same number is another one: behaviour changes with `ENGINE` only."""
    documents = [entry.document for entry in stored()]
    assert digests(documents) == RELEASED
    assert max(RELEASED) == ENGINE
    other = [*documents[:-1], documents[-1].replace('"amount":"', '"amount":"1', 1)]
    assert digests(other)[ENGINE] != RELEASED[ENGINE]
    assert digests(documents[:-1])[ENGINE] != RELEASED[ENGINE]


def test_the_corpus_is_large_of_every_engine_and_has_every_reason() -> None:
    """At least 300 decisions of the engine in use, some of the first one, all reasons among them."""
    engines = [engine_of(entry.document.encode()) for entry in stored()]
    assert engines.count(ENGINE) >= 300
    assert engines.count(BARE) >= 20
    documents = [entry.document.encode() for entry in stored()]
    reasons = {judgement_of(document).verdict.reason for document in documents if engine_of(document) == ENGINE}
    assert reasons == set(Reason) - {Reason.ADJUSTED}


def test_what_engine_2_decided_replays_under_its_own_number() -> None:
    """Engine 3 adds reasons for what engine 2 never saw, and decides everything else as it did."""
    many = [entry for entry in stored() if engine_of(entry.document.encode()) == 2]
    assert len(many) >= 300
    assert {engine_of(replay(entry.document.encode(), entry.ruleset)) for entry in many} == {2}


def test_the_corpus_is_what_its_seed_and_its_cases_give() -> None:
    """Nobody edited it, and nobody changed a case without writing it anew."""
    assert list(stored()) == [*of_engine_1(), *of_engine_2(), *drawn()]


@pytest.mark.usefixtures("_forgetful")
def test_a_change_of_behaviour_is_seen() -> None:
    """Were the remainder of a spread left on another line, stored decisions would not replay."""

    def other_way(amount: int, weights: list[int]) -> list[int]:
        parts = [amount * weight // (sum(weights) or 1) for weight in weights]
        return [*parts[:-1], parts[-1] + amount - sum(parts)]

    with mock.patch.object(matching, "spread", other_way):
        assert any(changed(entry) for entry in stored())


def test_a_decision_replays_by_its_own_ruleset_only() -> None:
    """By another version, or by the same one with other bytes, it is refused."""
    one = Case()
    assert one.rules is not None
    document = next(entry.document.encode() for entry in stored() if entry.rules == one.rules)
    for other in (published(one.rules, id="rul_1", version=2), published(one.rules, id="rul_2", version=1), None):
        with pytest.raises(RulesetDiffers):
            replay(document, other)
