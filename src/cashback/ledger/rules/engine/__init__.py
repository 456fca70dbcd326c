"""Decision engine 3: groups, tiers, checks, limits and campaigns, exact, explained and replayable.

    earn ──▶ Earned ──▶ keys_of: what to lock ──▶ fold: judge each ──▶ Judgement ──▶ document_in_full ──▶ replay_in_full

Changing what any of this returns for the same input needs a new `ENGINE`: tests/unit/ledger/engine/corpus.jsonl holds
what it has always returned.
"""

from cashback.ledger.rules.engine.compile import asks_for_past, campaigns_of, canonical, published, rules_of, zones_of
from cashback.ledger.rules.engine.document import RulesetDiffers, document_in_full, judgement_of, replay_in_full
from cashback.ledger.rules.engine.earn import earn, offsets_at
from cashback.ledger.rules.engine.folding import Claimed, decide_in_full, fold, keys_of
from cashback.ledger.rules.engine.settle import ENGINE, judge, settle
from cashback.ledger.rules.engine.spreading import kept

__all__ = [
    "ENGINE",
    "Claimed",
    "RulesetDiffers",
    "asks_for_past",
    "campaigns_of",
    "canonical",
    "decide_in_full",
    "document_in_full",
    "earn",
    "fold",
    "judge",
    "judgement_of",
    "kept",
    "keys_of",
    "offsets_at",
    "published",
    "replay_in_full",
    "rules_of",
    "settle",
    "zones_of",
]
