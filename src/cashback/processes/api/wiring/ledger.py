"""What the ledger tells: cashbacks, programmes, rules, and what proves the books."""

from typing import Final

from cashback.ledger.service import (
    AdjustmentReadings,
    Audits,
    Backtests,
    CampaignReadings,
    Debts,
    MintStories,
    Prover,
    Queues,
    RateReadings,
    Replays,
    RulesetReadings,
    Simulations,
)
from cashback.ledger.service.proving import LINES_OVER_REST_MAX
from cashback.processes.api.wiring.parts import Parts

BACKTEST_CHUNK: Final = 50
"""So few purchases are decided at a time before other requests have their turn."""


def ledger_services(parts: Parts) -> dict[str, object]:
    """Return what reads the ledger, by name."""
    database, clock = parts.database, parts.clock
    return {
        "adjustment_readings": AdjustmentReadings(database),
        "audits": Audits(database),
        "backtests": Backtests(database, chunk=BACKTEST_CHUNK),
        "books": database,
        "campaign_readings": CampaignReadings(database, clock=clock),
        "debts": Debts(database),
        "mint_stories": MintStories(database, parts.adapter),
        "prover": Prover(database, lines_max=LINES_OVER_REST_MAX),
        "queues": Queues(database, clock=clock),
        "rate_readings": RateReadings(database),
        "readings": parts.readings,
        "replays": Replays(database),
        "ruleset_readings": RulesetReadings(database, mint_limit=parts.mint_limit),
        "simulations": Simulations(database),
        "stories": parts.stories,
    }
