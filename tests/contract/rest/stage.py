"""What tests of the whole surface act on: the API twice, its operator, and two shops that know no other."""

from typing import Any

import msgspec
import pytest

from tests.contract.rest.belongings import Belongings
from tests.contract.rest.served import Served
from tests.contract.rest.world import UNGUARDED, Caller, Rest


class Stage(msgspec.Struct, frozen=True):
    """The API and its operator, a shop and a rival with two of everything, the API as a process, and what patches."""

    rest: Rest
    operator: Caller
    shop: Belongings
    rival: Belongings
    served: Served
    patch: pytest.MonkeyPatch

    @property
    def document(self) -> dict[str, Any]:
        """Return what the API tells of itself."""
        told: dict[str, Any] = self.rest.app.openapi_schema.to_schema()
        return told

    def guarded(self, **guards: Any) -> Rest:  # noqa: ANN401  # as `Guards` has them
        """Return another process of the API behind guards of its own, for which time stands still."""
        changed = msgspec.structs.replace(UNGUARDED, **{"now_s": lambda: 1_000_000.0, **guards})
        return Rest(self.rest.world, self.rest.adapter, guards=changed, document=self.rest.document)
