"""`mint`: how many mints a second go through the adapter, how long they take inside it, and how soon it is back.

The method of each part is the docstring of its file: `throughput.py`, `latency.py`, `recovery.py`.
"""

import os
from pathlib import Path
from typing import Final

from tests.benchmarks import latency, recovery, throughput
from tests.benchmarks.checks import Check

SPELL_S: Final = float(os.environ.get("SPELL_S", "60"))
"""How long each part is measured; a shorter spell is for looking whether it works."""


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    return [
        *await throughput.measure(folder / "throughput", spell_s=SPELL_S),
        *await latency.measure(folder / "latency", duration_s=SPELL_S),
        *await recovery.measure(folder / "recovery"),
    ]
