"""What a run tells, and what it leaves for the next one."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from cashback.ledger.model import ChainColumns, Checkpoint, Closed, Reconciliation, State, Sum
from cashback.processes.reconcile.findings import Finding, Findings
from cashback.processes.reconcile.start import Start
from cashback.processes.reconcile.tables import SeenSums


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, at which final block, and what differs; amounts are base units of the token.

    `after_block` is where the checkpoint ends that the run went on from, None for a whole run; the figures are of
    everything all the same. Of each kind at most 100 findings are listed, `kinds` counts all.
    """

    mode: str
    reason: str
    after_block: int | None
    at_block: int
    at_block_hash: str
    total_supply: int
    burned: int
    explained: int
    logs: int
    logs_amount: int
    requested: int
    minted: int
    minted_amount: int
    settling: int
    in_flight: int
    in_flight_amount: int
    stuck: int
    waiting: int
    declined: int
    settled_to: int | None
    kinds: dict[str, int]
    findings: list[Finding]

    @property
    def unexplained(self) -> int:
        """Return the supply that no request and no burn explains; negative when some of it is missing."""
        return self.total_supply - (self.explained - self.burned)

    @property
    def is_drained(self) -> bool:
        """Tell whether every cashback has reached its end, and every settled mint its final block."""
        return not (self.in_flight or self.waiting or self.settling or self.minted > self.logs)

    @property
    def findings_count(self) -> int:
        """Return how many findings there are, those included that are not listed."""
        return sum(self.kinds.values())


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of everything up to one final block, and the checkpoint there unless something differs."""

    at_block: int
    at_block_hash: str
    logs: int
    logs_amount: int
    burned: int
    explained: int
    total_supply: int
    requested: int = 0
    settling: int = 0
    checkpoint: Checkpoint | None = None

    @classmethod
    def of(
        cls, begin: Start, page: ChainColumns, *, fresh: SeenSums, explained: int, burned: int, total_supply: int
    ) -> "Totals":
        """Return what the chain shows: the checkpoint's sums and what came after it."""
        before = begin.checkpoint
        return cls(
            at_block=page.at_block,
            at_block_hash=page.at_block_hash,
            logs=fresh.logs + (before.logs if before else 0),
            logs_amount=fresh.amount + (before.logs_amount if before else 0),
            burned=burned + (before.burned if before else 0),
            # A checkpoint has no difference: up to it every log is as requested.
            explained=explained + (before.logs_amount if before else 0),
            total_supply=total_supply,
        )

    def closed(
        self, begin: Start, *, requested: int, settling: int, settled_to: int | None, newly: tuple[Closed, Closed]
    ) -> "Totals":
        """Return these with what ledger and minting know; `settled_to` None leaves no checkpoint."""
        before = begin.checkpoint
        ledger, minting = newly
        if before is not None:
            ledger, minting = before.ledger + ledger, before.minting + minting
        checkpoint = None
        if settled_to is not None:
            checkpoint = Checkpoint(
                at_block=self.at_block,
                at_block_hash=self.at_block_hash,
                settled_to=settled_to,
                logs=self.logs,
                logs_amount=self.logs_amount,
                burned=self.burned,
                ledger=ledger,
                minting=minting,
            )
        return msgspec.structs.replace(
            self, requested=requested + (before.ledger.rows if before else 0), settling=settling, checkpoint=checkpoint
        )


def report_of(begin: Start, totals: Totals, sums: Mapping[State, Sum], findings: Findings) -> Report:
    """Return the report."""
    # What was returned after its mint is on the chain all the same.
    minted = [sums[State.MINTED], sums[State.REVERSED]]
    return Report(
        mode="whole" if begin.checkpoint is None else "incremental",
        reason=begin.reason,
        after_block=None if begin.checkpoint is None else begin.read_to,
        at_block=totals.at_block,
        at_block_hash=totals.at_block_hash,
        total_supply=totals.total_supply,
        burned=totals.burned,
        explained=totals.explained,
        logs=totals.logs,
        logs_amount=totals.logs_amount,
        requested=totals.requested,
        minted=sum(part.cashbacks for part in minted),
        minted_amount=sum(part.token_units for part in minted),
        settling=totals.settling,
        in_flight=sums[State.MINT_REQUESTED].cashbacks,
        in_flight_amount=sums[State.MINT_REQUESTED].token_units,
        stuck=sums[State.STUCK].cashbacks,
        waiting=sums[State.APPROVED].cashbacks,
        declined=sums[State.DECLINED].cashbacks,
        settled_to=None if totals.checkpoint is None else totals.checkpoint.settled_to,
        kinds={kind.value: count for kind, count in sorted(findings.kinds.items())},
        findings=findings.kept,
    )


def run_of(report: Report, *, asked_by: str, began_at: datetime, ended_at: datetime) -> Reconciliation:
    """Return the run as it is written down."""
    return Reconciliation(
        mode=report.mode,
        reason=report.reason,
        asked_by=asked_by,
        began_at=began_at,
        ended_at=ended_at,
        after_block=report.after_block,
        at_block=report.at_block,
        at_block_hash=report.at_block_hash,
        requested=report.requested,
        logs=report.logs,
        logs_amount=report.logs_amount,
        burned=report.burned,
        explained=report.explained,
        total_supply=report.total_supply,
        findings=report.findings_count,
        kinds=report.kinds,
        settled_to=report.settled_to,
    )
