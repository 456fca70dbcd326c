"""What the acts of the story hand on, and what they all say."""

from datetime import timedelta
from typing import Any, Final

from tests.contract.rest.examples.recorder import Recorder
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import START, World

WHY: Final = {"person": "Ada Lovelace", "reason": "Asked for on the phone"}
BOUGHT: Final = {"currency": "USD", "occurred_at": "2026-03-01T11:58:00Z"}
DAY: Final = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}


class Stage:
    """What the acts hand on: the API and its world, who asks, and ids by their words."""

    def __init__(self, rest: Rest, world: World, told: Recorder, operator: Caller) -> None:
        """Begin with an operator alone."""
        self.rest, self.world, self.told = rest, world, told
        self.operator = self.keeper = operator
        self.ids: dict[str, str] = {}

    async def op(self, operation: str, body: Any = None, *, name: str = "", **parameters: Any) -> Any:  # noqa: ANN401  # any JSON
        """Return what the operator is answered with."""
        return await self.told.ask(self.operator, operation, body, name=name, **parameters)

    async def shop(self, operation: str, body: Any = None, *, name: str = "", **parameters: Any) -> Any:  # noqa: ANN401  # any JSON
        """Return what the merchant is answered with."""
        return await self.told.ask(self.keeper, operation, body, name=name, **parameters)


def later(days: int) -> str:
    """Return an instant so many days after the beginning."""
    return (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")
