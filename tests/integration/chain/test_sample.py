"""The caller of docs/grpc.md, as it is printed there, asks an adapter that listens."""

import asyncio
import sys

from cashback.kernel.config import environment
from cashback.processes import adapter
from tests.architecture.documents import ROOT, blocks
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import assembled, mint

SAID = """\
chain 31337 halted False
mint 1 ACCEPTED
mint 999999 UNKNOWN
refused INVALID_ARGUMENT address_invalid
"""


async def test_the_caller_of_the_documents_is_answered(settings: adapter.Settings) -> None:
    """Which chain it is, a mint that is known and one that is not, and the code of what is refused."""
    [sample] = blocks((ROOT / "docs" / "grpc.md").read_text(), "python")
    async with assembled(settings) as bench, listening_at(bench) as address:
        await bench.adapter.acceptance.submit([mint(1)])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", sample),
            env={**environment(), "CASHBACK_ADAPTER_ADDRESS": address},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await process.communicate()
    assert (said.decode(), complaint.decode(), process.returncode) == (SAID, "", 0)
