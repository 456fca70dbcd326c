"""What minting counts."""

from typing import Final

from prometheus_client import Counter, Gauge

requests: Final = Counter("cashback_minting_requests", "mint requests taken in, by what they meant", ["result"])
submissions: Final = Counter("cashback_minting_submissions", "mints submitted, by the adapter's answer", ["result"])
submit_failures: Final = Counter("cashback_minting_submit_failures", "calls that handed the adapter nothing")
outcomes: Final = Counter("cashback_minting_outcomes", "outcomes read, by what they changed", ["result"])
following: Final = Gauge("cashback_minting_following", "1 while this process follows the adapter's outcomes")
halted: Final = Gauge("cashback_minting_halted", "1 while nothing is submitted until a person has looked")
