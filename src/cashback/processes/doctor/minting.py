"""How minting stands: the adapter and its chain, the two switches that halt it, and whether a worker is at work."""

from cashback.chain.rules.attention import halted_for, mended_by
from cashback.kernel.config import Secret
from cashback.kernel.errors import CashbackError
from cashback.ledger.gateway import Adapter
from cashback.processes.doctor.settings import Settings
from cashback.processes.minting_standing import concerns, look, silence


class MintingHalted(CashbackError):
    """The adapter mints nothing until a person has looked."""

    code = "minting_halted"


class MintsHeld(CashbackError):
    """The contracts refuse mints, which wait for a person now."""

    code = "mints_held"


class ChainUnwell(CashbackError):
    """Nodes of the chain do not answer the adapter as they should, or have lost blocks that were final."""

    code = "chain_unwell"


class MintingConcerns(CashbackError):
    """Minting is halted by its own switch, or mints of it are stuck."""

    code = "minting_concerns"


class MintWorkerSilent(CashbackError):
    """No mint worker is at work, so nothing that is requested reaches the adapter."""

    code = "mint_worker_silent"


async def adapter(settings: Settings) -> str:
    """Return what the adapter serves, minting, with every node well and no mint held.

    Raises:
        MintingHalted, ChainUnwell, MintsHeld: the first of these that is so.
    """
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as caller:
        status = await caller.status()
    if status.halted_reason:
        raise MintingHalted(f"{halted_for(status.halted_reason)}; {mended_by(status.halted_reason)}")
    if unwell := [f"{one.name}: {one.problem}" for one in status.endpoints if not one.is_healthy]:
        alive = len(status.endpoints) - len(unwell)
        which = f"{alive} of {len(status.endpoints)} nodes answer" if alive else "no node of the chain answers"
        raise ChainUnwell(f"the adapter is up, but {which}; {'; '.join(unwell)}")
    if status.head < status.final:
        raise ChainUnwell(
            f"the chain's head is block {status.head}, below block {status.final} that was final: its nodes have lost"
            " blocks, and nothing is followed until they have more; see the runbook `recover`"
        )
    if status.held:
        raise MintsHeld(f"the contracts refuse {status.held} mints, which are held; see `cashback chain status`")
    return f"chain {status.chain_id} at block {status.head}, final {status.final}, {status.accepted_waiting} waiting"


async def switch(dsn: Secret) -> str:
    """Return that minting hands over what it is asked for, and that no mint waits for a person.

    Raises:
        MintingConcerns: it does not, or one does.
    """
    if found := concerns(await look(dsn, name="doctor")):
        raise MintingConcerns("; ".join(found))
    return "its switch is on, and no mint is stuck"


async def worker(settings: Settings) -> str:
    """Return that a mint worker has told the adapter something lately.

    Raises:
        MintWorkerSilent: none has.
    """
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as caller:
        told_ms_ago = (await caller.status()).minting_told_ms_ago
    if wrong := silence(told_ms_ago):
        raise MintWorkerSilent(wrong)
    return "one has told the adapter what it knows within the last ten seconds"
