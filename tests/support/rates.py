"""How often keys of tests and benchmarks may ask: what these ask in a second is no caller's rate."""

from typing import Final

from cashback.kernel.principal import Rate

UNLIMITED: Final = Rate(per_s=1_000_000, burst=1_000_000)
"""It is looked at as any other, and never in the way."""
