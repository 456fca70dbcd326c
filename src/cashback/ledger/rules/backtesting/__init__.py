"""Deciding recorded purchases by other rules, in the order in which they were recorded.

stored decision ── prospect ──▶ what it was granted, what it earns now ── Tally, one after the other ──▶ the story

The first step looks at one purchase alone, so any number of processes may take it; the second sees what those before
it left, and is taken in order. Who took the first step therefore never shows.
"""

from cashback.ledger.rules.backtesting.prospects import prospect, slim
from cashback.ledger.rules.backtesting.tally import Tally

__all__ = ["Tally", "prospect", "slim"]
