"""Users and merchants, and what is told of them."""

from cashback.ledger import AdjustmentReadings, CashbackLists
from cashback.ledger.service import Signatures, Statements
from cashback.processes.api.wiring.parts import Parts
from cashback.purchases.service import (
    Directory,
    Edits,
    Erasing,
    Exports,
    Facts,
    Lists,
    Ownership,
    Standings,
    UserStatements,
    UserStories,
)


def people_services(parts: Parts) -> dict[str, object]:
    """Return what knows users and merchants, by name."""
    directory, standings = Directory(parts.database), Standings(parts.database, parts.orders)
    statements = Statements(parts.database)
    ownership = Ownership(
        parts.database, Signatures(parts.adapter), clock=parts.clock, orders=parts.orders, policy=parts.ownership
    )
    exports = Exports(
        parts.database,
        clock=parts.clock,
        directory=directory,
        lists=Lists(parts.database, CashbackLists(parts.database)),
        ownership=ownership,
        standings=standings,
        statements=statements,
        adjustments=AdjustmentReadings(parts.database),
    )
    return {
        "directory": directory,
        "edits": Edits(parts.orders),
        "erasing": Erasing(parts.database, clock=parts.clock),
        "exports": exports,
        "facts": Facts(parts.orders),
        "ownership": ownership,
        "people": parts.people,
        "standings": standings,
        "user_statements": UserStatements(parts.people, statements),
        "user_stories": UserStories(parts.people, parts.stories),
    }
