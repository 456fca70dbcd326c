"""The adapter's parts, put together over one database, one node and its signers."""

import msgspec

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.hints import HeadHints
from cashback.chain.gateway.keys import Signer
from cashback.chain.gateway.node import Node
from cashback.chain.gateway.signatures import WalletContracts
from cashback.chain.rpc.calls import Services
from cashback.chain.rules.batching import GuardRails
from cashback.chain.rules.tending import Patience
from cashback.chain.service.acceptance import Acceptance
from cashback.chain.service.anchoring import Anchoring, Anchors
from cashback.chain.service.cancelling import Cancellations
from cashback.chain.service.figures import Waits, gauges
from cashback.chain.service.following import Follower, FollowerSettings, Pulses
from cashback.chain.service.gas_money import GasMoney
from cashback.chain.service.halting import Halting
from cashback.chain.service.inspection import Inspection
from cashback.chain.service.judging import Judging
from cashback.chain.service.lane import Intake, LaneLoop
from cashback.chain.service.numbers import Numbers
from cashback.chain.service.pricing import Pricing
from cashback.chain.service.pulse import Pulse
from cashback.chain.service.reading import Reading
from cashback.chain.service.recovering import FOLLOWER, Recovering
from cashback.chain.service.recovery import Recovery
from cashback.chain.service.releasing import Releases
from cashback.chain.service.reserving import LaneLimits, Reserving
from cashback.chain.service.retiring import Retiring
from cashback.chain.service.rotation import Rotation
from cashback.chain.service.sequencing import Sequencer
from cashback.chain.service.sifting import Sifter
from cashback.chain.service.sighting import Sighting
from cashback.chain.service.stream import Stream
from cashback.chain.service.tending import Tender
from cashback.chain.service.tenure import Tenure
from cashback.kernel.db import Database
from cashback.kernel.gauges import Gauges
from cashback.kernel.ids import new_id
from cashback.processes.adapter.settings import Settings


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """The assembled adapter: what its server serves, and its loops."""

    acceptance: Acceptance
    reading: Reading
    stream: Stream
    numbers: Numbers
    halting: Halting
    rotation: Rotation
    cancellations: Cancellations
    releases: Releases
    anchors: Anchors
    judging: Judging
    recovering: Recovering
    gas_money: GasMoney
    gauges: Gauges[Waits]
    lanes: tuple[LaneLoop, ...]
    follower: Follower
    hints: tuple[HeadHints, ...]

    @property
    def services(self) -> Services:
        """Return what callers are answered with."""
        return Services(
            acceptance=self.acceptance,
            reading=self.reading,
            stream=self.stream,
            numbers=self.numbers,
            anchors=self.anchors,
            judging=self.judging,
        )


def assemble(
    settings: Settings, database: Database, *, node: Node, contracts: Contracts, signers: tuple[Signer, ...]
) -> Adapter:
    """Return the parts, wired."""
    work, written = Pulse(), Pulse()
    pulses = Pulses(hinted=Pulse(), freed=work, written=written)
    holder = new_id("adapter")
    blocks = Blocks(node, token=contracts.token)
    halting = Halting(database)
    return Adapter(
        acceptance=Acceptance(database, reserved=frozenset({contracts.token, contracts.minter}), accepted=work),
        reading=Reading(
            database,
            node=node,
            source=blocks,
            contracts=contracts,
            gas=settings.gas_limits,
            finality=settings.finality,
            start_block=settings.start_block,
        ),
        stream=Stream(database, written=written),
        numbers=Numbers(database),
        halting=halting,
        rotation=Rotation(database),
        cancellations=Cancellations(database, ordered=work),
        releases=Releases(database, released=work),
        anchors=Anchors(database, accepted=work),
        judging=Judging(WalletContracts(node), chain_id=settings.chain_id),
        recovering=Recovering(database, source=blocks, start_block=settings.start_block, written=written),
        gas_money=GasMoney(database, source=blocks, limits=settings.gas_limits),
        gauges=gauges(database, signers=[signer.address for signer in signers]),
        lanes=tuple(
            _lane(settings, database, node=node, contracts=contracts, signer=signer, holder=holder, work=work)
            for signer in signers
        ),
        follower=_follower(settings, database, blocks=blocks, signers=signers, holder=holder, pulses=pulses),
        hints=tuple(HeadHints(url, place=place, beat=pulses.hinted.beat) for place, url in enumerate(settings.ws_urls)),
    )


def _lane(
    settings: Settings,
    database: Database,
    *,
    node: Node,
    contracts: Contracts,
    signer: Signer,
    holder: str,
    work: Pulse,
) -> LaneLoop:
    """Return the loop of the signer's lane."""
    limits = _limits(settings)
    name = f"0x{signer.address.hex()}"
    tenure = Tenure(database, name=f"lane:{name}", holder=holder)
    blocks = Blocks(node, token=contracts.token)
    pricing = Pricing(blocks, limits=limits.fees)
    reserving = Reserving(
        database,
        contracts=contracts,
        pricing=pricing,
        signer=signer,
        tenure=tenure,
        chain_id=settings.chain_id,
        limits=limits,
    )
    tender = Tender(
        database, node=node, pricing=pricing, signer=signer, tenure=tenure, chain_id=settings.chain_id, limits=limits
    )
    recovery = Recovery(
        database,
        blocks=blocks,
        signer=signer,
        tenure=tenure,
        reserving=reserving,
        tender=tender,
        patience_s=settings.bump_ms / 1_000,
    )
    return LaneLoop(
        name=name,
        tenure=tenure,
        recovery=recovery,
        intake=Intake(
            Retiring(database, reserving=reserving),
            Anchoring(database, contracts=contracts, signer=signer.address, tenure=tenure, reserving=reserving),
            Sequencer(
                database,
                reserving=reserving,
                sifter=Sifter(database, contracts=contracts, signer=signer.address, tenure=tenure),
                limits=limits,
            ),
        ),
        tender=tender,
        halting=Halting(database),
        wake=work,
    )


def _limits(settings: Settings) -> LaneLimits:
    """Return how a lane batches, pays and waits."""
    return LaneLimits(
        batch_mints=settings.batch_mints,
        batch_age_ms=settings.batch_age_ms,
        batch_gas=settings.batch_gas,
        slots_in_flight=settings.slots_in_flight,
        fees=settings.fee_limits,
        patience=Patience(settings.resend_ms, settings.bump_ms),
        rails=GuardRails(settings.mint_hour_max, settings.mint_day_max),
    )


def _follower(
    settings: Settings, database: Database, *, blocks: Blocks, signers: tuple[Signer, ...], holder: str, pulses: Pulses
) -> Follower:
    """Return the follower of the chain."""
    tenure = Tenure(database, name=FOLLOWER, holder=holder)
    return Follower(
        database,
        source=blocks,
        tenure=tenure,
        sighting=Sighting(database, tenure=tenure, signers=[signer.address for signer in signers]),
        inspection=Inspection(database, source=blocks, tenure=tenure),
        halting=Halting(database),
        settings=FollowerSettings(
            start_block=settings.start_block, poll_ms=settings.poll_ms, finality=settings.finality
        ),
        pulses=pulses,
    )
