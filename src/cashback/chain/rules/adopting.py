"""From which nonce a lane goes on when the chain is further than its records: a restored database, or a lost one."""

from cashback.chain.model import Lane, NotFinalYet, Seen


def next_nonce(lane: Lane, *, seen: Seen, final: int) -> int:
    """Return the nonce that the lane goes on from: its own, or the chain's where that is further.

    `seen` is what the endpoints tell of its signer now, `final` how many nonces it had used up to a final block. The
    chain's is taken only when nothing is under way: each of these transactions is final, and no pool holds another.

    Raises:
        NotFinalYet: one of them may still be replaced, or come.
    """
    if max(seen.mined, seen.sent, seen.rumoured) <= lane.next_nonce:
        return lane.next_nonce
    if not final == seen.mined == seen.sent == seen.rumoured:
        raise NotFinalYet(
            f"signer 0x{lane.address.hex()} has used {seen.mined} nonces, of which {final} are final,"
            f" and pools hold up to {seen.rumoured}; wait, and run it again"
        )
    return final
