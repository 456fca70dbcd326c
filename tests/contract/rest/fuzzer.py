"""schemathesis as a process that draws from the running API's document, in the name of an operator or of a merchant.

It has an environment of its own (requirements/schemathesis.in). A merchant has a neighbour: whatever the merchant read
is asked for once more with the neighbour's key, and must not be answered.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from cashback.kernel.clock import SystemClock
from cashback.kernel.http import Scope
from cashback.purchases import ApiKeys
from tests.contract.rest.chained import ENDED, FILLED, worked
from tests.contract.rest.served import Served
from tests.contract.rest.world import PEPPER
from tests.integration.ledger.world import World, buy, wallet_number
from tests.support.node import run_program
from tests.support.rates import UNLIMITED

FUZZING: Final = Path(__file__).with_name("fuzzing")
OPERATOR: Final = "operator"
MERCHANT: Final = "merchant"
NEIGHBOUR: Final = "neighbour"
PURCHASES: Final = 50
"""So many there are to be refunded: each takes a few refunds alone."""
SHOPS: Final = 20
"""So many get endpoints of webhooks from an operator; a merchant has its own alone."""


class Run(msgspec.Struct, frozen=True):
    """How much is drawn: requests for each operation, chains of them, from which seed on, and for how long at most."""

    examples: int
    chains: int
    seed: int
    within_s: int
    phases: str = "examples,coverage,fuzzing"


class Holder(msgspec.Struct, frozen=True):
    """Somebody with a key."""

    key_id: str
    secret: str


class Fuzzer:
    """The tool in front of a running API, with three keys to it, and something of each name that there is."""

    def __init__(self, program: Path, served: Served, folder: Path, holders: dict[str, Holder]) -> None:
        """Draw nothing yet; what the tool reads lies in `folder`."""
        self.served = served
        self.holders = holders
        self._program = program
        self._folder = folder

    @classmethod
    async def furnished(
        cls, program: Path, served: Served, world: World, folder: Path, *, programme_id: str
    ) -> "Fuzzer":
        """Return it with a user and two merchants, each of them with a new key, beside a programme that there is."""
        user, merchant, neighbour = await world.user(), await world.merchant(), await world.merchant()
        keys = ApiKeys(world.api, pepper=PEPPER, clock=SystemClock())
        rights: dict[str, dict[str, Any]] = {
            OPERATOR: {"scope": Scope.OPERATOR},
            MERCHANT: {"scope": Scope.MERCHANT, "merchant_id": merchant.id},
            NEIGHBOUR: {"scope": Scope.MERCHANT, "merchant_id": neighbour.id},
        }
        holders = {}
        for name, right in rights.items():
            key, secret = await keys.create(label=name, rate=UNLIMITED, **right)
            holders[name] = Holder(key.id, secret.value)
        bought = await world.record(*[buy(user, merchant) for _ in range(PURCHASES)])
        names = {"user_id": user.id, "merchant_id": merchant.id, "programme_id": programme_id}
        [campaign_id, *_] = await world.rows("select id from ledger.campaigns where programme_id = %s", programme_id)
        told = {
            **names,
            "kept_key_ids": [holder.key_id for holder in holders.values()],
            "currency": "USD",
            "owners": [user.id],
            "wallet": wallet_number(1),
            "filled": FILLED,
            "ended": ENDED,
        }
        shops = {OPERATOR: [(await world.merchant()).id for _ in range(SHOPS)], MERCHANT: [merchant.id]}
        purchase_ids = [one.id for one in bought]
        for name, its in shops.items():
            bodies = worked(**names, campaign_id=campaign_id[0], purchase_ids=purchase_ids, shops=its)
            (folder / f"known.{name}.json").write_text(json.dumps(told | {"worked": bodies}))
        (folder / "keys.json").write_text(json.dumps({"auth": [_entry(*one) for one in holders.items()]}))
        return cls(program, served, folder, holders)

    async def draw(self, who: str, run: Run, *more: str) -> str:
        """Return what the tool tells of a run in which it found nothing; `more` are options of its own.

        Raises:
            AssertionError: it found something, and says what.
        """
        return await asyncio.to_thread(self._drawn, who, run, *more)

    async def opens(self, who: str) -> bool:
        """Tell whether a key is still one."""
        headers = {"Authorization": f"Bearer {self.holders[who].secret}"}
        async with httpx.AsyncClient(base_url=self.served.process.url, headers=headers) as http:
            return (await http.get("/v1/api-keys")).is_success

    def routes(self, who: str, status: int) -> set[str]:
        """Return the routes on which somebody was answered so who asked for something by an id of ours."""
        lines = [json.loads(line) for line in self.served.log.read_text().splitlines() if '"request.answered"' in line]
        return {
            line["route"]
            for line in lines
            if line.get("key_id") == self.holders[who].key_id and line.get("path") and line["status"] == status
        }

    def was_told(self, who: str, status: int) -> bool:
        """Tell whether somebody was ever answered so."""
        return any(
            f'"status":{status},' in line and self.holders[who].key_id in line
            for line in self.served.log.read_text().splitlines()
        )

    def _drawn(self, who: str, run: Run, *more: str) -> str:
        return run_program(
            *(str(self._program), "--config-file", str(FUZZING / "schemathesis.toml"), "run"),
            f"{self.served.process.url}/openapi/openapi.json",
            *("--phases", run.phases, "--max-examples", str(run.examples), "--seed", str(run.seed), *more),
            folder=self._folder,
            within_s=run.within_s,
            CASHBACK_FUZZING_KEYS=str(self._folder / "keys.json"),
            CASHBACK_FUZZING_WHO=who,
            CASHBACK_FUZZING_KNOWN=str(self._folder / f"known.{who}.json"),
            PYTHONPATH=str(FUZZING),
        )


def figure(pattern: str, told: str) -> int:
    """Return the only number that a pattern finds in what the tool told."""
    [found] = re.findall(pattern, told)
    return int(found)


def _entry(name: str, holder: Holder) -> dict[str, object]:
    """Return how the tool is told of somebody's key (Web Fuzzing Commons)."""
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {holder.secret}"}]}
