"""Users and merchants, and what is told of them."""

from cashback.ledger.service import Signatures, Statements
from cashback.processes.api.wiring.parts import Parts
from cashback.purchases.service import Directory, Edits, Facts, Ownership, Standings, UserStatements, UserStories


def people_services(parts: Parts) -> dict[str, object]:
    """Return what knows users and merchants, by name."""
    return {
        "directory": Directory(parts.database),
        "edits": Edits(parts.orders),
        "facts": Facts(parts.orders),
        "ownership": Ownership(
            parts.database, Signatures(parts.adapter), clock=parts.clock, orders=parts.orders, policy=parts.ownership
        ),
        "people": parts.people,
        "standings": Standings(parts.database, parts.orders),
        "user_statements": UserStatements(parts.people, Statements(parts.database)),
        "user_stories": UserStories(parts.people, parts.stories),
    }
