"""What can go wrong with a chain, named for what the receiver should do.

ChainUnavailable   Unavailable   no endpoint answered
LeaseLost          Unavailable   another adapter holds the lease by now
RaceLost           Unavailable   what was read has changed before it could be acted on
LaneNotReady       Unavailable   the signer's earlier transactions are not final yet
KeyUnusable        Invalid       the signer's key cannot be read, or is not for this chain
WrongChain         Invalid       the endpoint, the contracts or the roles are not those of the settings
ChainDiverged      Broken        what the chain shows contradicts what is stored; minting halts
"""

from cashback.kernel.errors import Broken, Invalid, Unavailable


class ChainUnavailable(Unavailable):
    """No endpoint of the chain gave a usable answer."""

    code = "chain_unavailable"


class LeaseLost(Unavailable):
    """The lease ran out and someone else may hold it; nothing of this turn was stored."""

    code = "lease_lost"


class RaceLost(Unavailable):
    """What was read a moment ago has changed since; nothing was stored, and the next turn reads again."""

    code = "race_lost"


class LaneNotReady(Unavailable):
    """A new lane opens only when every transaction its signer ever sent is final."""

    code = "lane_not_ready"


class KeyUnusable(Invalid):
    """The signer's key cannot be read, or must not be used on this chain."""

    code = "key_unusable"


class WrongChain(Invalid):
    """The endpoint serves another chain, or the contracts at the addresses are not ours."""

    code = "wrong_chain"


class ChainDiverged(Broken):
    """The chain and our records contradict each other; minting must halt until a person has looked."""

    code = "chain_diverged"
