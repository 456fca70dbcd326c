"""Which blocks are ours: links by parent hash, the fork point of a reorganisation, and what counts as final."""

from collections.abc import Mapping, Sequence
from typing import Final

from cashback.chain.model import Hash, Header, Heads
from cashback.kernel.errors import Invalid

_DEPTH_PREFIX: Final = "depth:"


def is_chain(headers: Sequence[Header], parent: Hash | None) -> bool:
    """Tell whether `headers` follow one another, and the first one `parent` (None: nothing is known before it)."""
    expected = parent
    for header in headers:
        if expected is not None and header.parent_hash != expected:
            return False
        expected = header.hash
    return True


def fork_point(stored: Mapping[int, Hash], canonical: Sequence[Header]) -> int | None:
    """Return the number above which every stored block is shown to be replaced, None when nothing shows where that is.

    Only another hash at its height shows that a block was replaced. A height about which no header is given shows
    nothing: who gave them may merely lag behind. The highest stored number means that nothing was replaced.
    """
    told = {header.number: header.hash for header in canonical}
    fork: int | None = max(stored)
    for number in sorted(stored, reverse=True):
        if number not in told:
            fork = None
        elif told[number] == stored[number]:
            return None if fork is None else number
        else:
            fork = number - 1
    return fork


def check_finality(finality: str) -> None:
    """Return when `finality` is one of `finalized`, `safe` and `depth:N`.

    Raises:
        Invalid: it is none of them.
    """
    depth = finality.removeprefix(_DEPTH_PREFIX)
    if finality not in {"finalized", "safe"} and not (finality.startswith(_DEPTH_PREFIX) and depth.isdecimal()):
        raise Invalid(f"finality must be finalized, safe or depth:N, not {finality!r}")


def final_header(heads: Heads, finality: str) -> Header | None:
    """Return the block that the node itself calls final, None where a depth decides or there is none yet."""
    return {"finalized": heads.final, "safe": heads.safe}.get(finality)


def final_number(heads: Heads, finality: str) -> int:
    """Return the highest block that the operator calls final; -1 when none is yet.

    `finalized` and `safe` are the node's tags, `depth:N` wants N blocks on top.
    """
    match finality:
        case "finalized":
            return -1 if heads.final is None else heads.final.number
        case "safe":
            return -1 if heads.safe is None else heads.safe.number
        case _:
            return max(heads.latest.number - int(finality.removeprefix(_DEPTH_PREFIX)), -1)
