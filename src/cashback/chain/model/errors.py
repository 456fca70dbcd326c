"""What can go wrong with a chain, named for what the receiver should do.

ChainUnavailable   Unavailable   no endpoint answered, or too few of them tell the same
LeaseLost          Unavailable   another adapter holds the lease by now
RaceLost           Unavailable   what was read has changed before it could be acted on
LaneNotReady       Unavailable   the signer's earlier transactions are not final yet
KeyUnusable        Invalid       the signer's key cannot be read, or is not for this chain
KeyUnavailable     Unavailable   the service that holds the signer's key gave no signature of it
└─ KeyRefused                    nor will it before a person has changed something
WrongChain         Invalid       the endpoint, the contracts or the roles are not those of the settings
DeploymentUnknown  Invalid       whether the contracts stand already cannot be told; name their addresses
ChainDiverged      Broken        what the chain shows contradicts what is stored; minting halts
MintingHalted      Broken        minting is halted until a person has looked
AdapterUnavailable Unavailable   the running adapter did not answer the operator
AdapterRefused     Rejected      the running adapter refused the operator's call
NotHalted          Rejected      there is no halt to lift, or under which to recover
NotFinalYet        Unavailable   a signer has transactions under way that the records do not know
LaneUnknown        NotFound      no lane has this signer
LastLane           Rejected      no other lane would be left to take mints
CursorAhead        Rejected      a reader has read further than this stream of outcomes goes
CursorForeign      Rejected      a reader has read another outcome where it stands than this stream tells there
AnchorInvalid      Invalid       a root is not 32 bytes, or what it reaches up to is out of range
AnchorConflicts    Conflict      another root is known for the same place
AnchorBehind       Rejected      an anchor that reaches further is known already
SignatureMisshapen Invalid       an address, a digest or a signature is of another length than it may be
JudgesBusy         Unavailable   as many contracts are being asked for a verdict as may be at once
"""

from cashback.kernel.errors import Broken, Conflict, Invalid, NotFound, Rejected, Unavailable


class ChainUnavailable(Unavailable):
    """No endpoint of the chain gave a usable answer."""

    code = "chain_unavailable"

    def afresh(self) -> "ChainUnavailable":
        """Return the same for somebody to raise, whom it will hold: where that one holds this, they would be a ring."""
        return type(self)(self.detail, **self.fields)


class LeaseLost(Unavailable):
    """The lease ran out and someone else may hold it; nothing of this turn was stored."""

    code = "lease_lost"


class RaceLost(Unavailable):
    """What was read a moment ago has changed since; nothing was stored, and the next turn reads again."""

    code = "race_lost"


class LaneNotReady(Unavailable):
    """A new lane opens only when every transaction its signer ever sent is final."""

    code = "lane_not_ready"


class NotFinalYet(Unavailable):
    """The chain is further than the records, and not all of that is final: later it can be adopted."""

    code = "not_final_yet"


class KeyUnusable(Invalid):
    """The signer's key cannot be read, or must not be used on this chain."""

    code = "key_unusable"


class KeyUnavailable(Unavailable):
    """The service that holds the key gave no signature of it; its lane waits, and nobody else signs instead."""

    code = "key_unavailable"


class KeyRefused(KeyUnavailable):
    """The service refuses, and will until a person has changed something: a right, the key's state, a credential."""

    code = "key_refused"


class WrongChain(Invalid):
    """The endpoint serves another chain, or the contracts at the addresses are not ours."""

    code = "wrong_chain"


class DeploymentUnknown(Invalid):
    """The deployer's key has sent more than is searched for the contracts: they may stand already, or not."""

    code = "deployment_unknown"


class ChainDiverged(Broken):
    """The chain and our records contradict each other; minting must halt until a person has looked."""

    code = "chain_diverged"


class MintingHalted(Broken):
    """Nothing is signed or sent until a person has looked at the reason and lifted the halt."""

    code = "minting_halted"


class AdapterUnavailable(Unavailable):
    """The running adapter did not answer the operator; the call may or may not have had its effect."""

    code = "adapter_unavailable"


class AdapterRefused(Rejected):
    """The running adapter refused the operator's call."""

    code = "adapter_refused"


class NotHalted(Rejected):
    """Minting is not halted: there is nothing to lift, and nothing may be recovered while lanes sign."""

    code = "not_halted"


class CursorAhead(Rejected):
    """A reader has read further than this stream goes: other outcomes than it knows will stand at those places."""

    code = "cursor_ahead"


class CursorForeign(Rejected):
    """A reader has read another outcome at its place than this stream has there: one of the two was restored."""

    code = "cursor_foreign"


class LaneUnknown(NotFound):
    """No lane of this adapter has the signer that was named."""

    code = "lane_unknown"


class LastLane(Rejected):
    """The lane is the last one that takes mints; another key has to be there first."""

    code = "last_lane"


class AnchorInvalid(Invalid):
    """A root is not 32 bytes, or what it reaches up to is out of range."""

    code = "anchor_invalid"


class AnchorConflicts(Conflict):
    """Another root was accepted, or stands on the chain, for the same place."""

    code = "anchor_conflicts"


class AnchorBehind(Rejected):
    """An anchor that reaches further was accepted, or stands on the chain: they only ever rise."""

    code = "anchor_behind"


class SignatureMisshapen(Invalid):
    """An address is not 20 bytes, a digest not 32, or a signature longer than any wallet's."""

    code = "signature_misshapen"


class JudgesBusy(Unavailable):
    """So many contracts are being asked about signatures that nodes would be kept from what moves money."""

    code = "judges_busy"
