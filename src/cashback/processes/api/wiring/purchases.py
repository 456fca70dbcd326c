"""What is bought, returned and ordered."""

from cashback.ledger import CashbackLists
from cashback.processes.api.wiring.parts import Parts
from cashback.purchases.service import (
    Adjustments,
    AuditLog,
    Bulks,
    Campaigns,
    DebtWriteOffs,
    Lists,
    Programmes,
    PurchaseStories,
    Rates,
    Refunds,
    Rulesets,
    Verdicts,
)


def purchase_services(parts: Parts) -> dict[str, object]:
    """Return what records purchases and refunds, and what operators order, by name."""
    database, clock, orders, mint_limit = parts.database, parts.clock, parts.orders, parts.mint_limit
    return {
        "adjustments": Adjustments(database, clock=clock, mint_limit=mint_limit),
        "audit_log": AuditLog(database, clock=clock, seal=parts.seal),
        "bulks": Bulks(parts.purchases, orders),
        "campaigns": Campaigns(orders, mint_limit=mint_limit),
        "lists": Lists(database, CashbackLists(database)),
        "programmes": Programmes(database, clock=clock, mint_limit=mint_limit),
        "purchase_stories": PurchaseStories(parts.purchases, parts.stories),
        "purchases": parts.purchases,
        "rates": Rates(orders),
        "refunds": Refunds(database, clock=clock),
        "rulesets": Rulesets(orders, mint_limit=mint_limit),
        "verdicts": Verdicts(orders),
        "write_offs": DebtWriteOffs(database, clock=clock),
    }
