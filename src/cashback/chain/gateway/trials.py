"""Calls tried on top of a block before anybody pays for them (`eth_call`), and what nodes say of those that fail.

There is no standard for these errors: a revert may come with its data, with empty data, or in words alone, and who ran
out of gas is told in words of each client's own. Whatever is not about the execution itself (a limit, a state that was
forgotten) is no answer, so it never passes for a verdict about a call.
"""

from collections.abc import Sequence
from typing import Any, Final

from cashback.chain.gateway.endpoint import Request
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, Call, Trial

TRIALS_PER_QUESTION_MAX: Final = 50
"""Providers bound the requests of one exchange, and what its execution may take."""

_SELECTOR_BYTES: Final = 4
_OUT_OF_GAS: Final = (
    "out of gas",
    "outofgas",
    "sentryoog",  # revm, when less is left than a refund must leave
    "intrinsic gas",
    "gas limit below",
    "gas required exceeds",
)
_UNDONE: Final = (
    "revert",
    "evm error",
    "vm execution error",
    "invalid opcode",
    "bad instruction",
    "invalid jump",
    "bad jump",
    "stack underflow",
    "stack limit",
    "stack overflow",
    "write protection",
)


async def tried(node: Node, calls: Sequence[Call], *, sender: Address, target: Address, block: int) -> list[Trial]:
    """Return what each call of `target` by `sender` would do on top of `block`, with the call's bound as its gas.

    Each is tried by itself: none sees what the one before it did.

    Raises:
        ChainUnavailable: no quorum of endpoints says the same of all of them.
    """
    requests = [_request(call, sender=sender, target=target, block=block) for call in calls]
    trials: list[Trial] = []
    for start in range(0, len(requests), TRIALS_PER_QUESTION_MAX):
        question = requests[start : start + TRIALS_PER_QUESTION_MAX]
        trials += _merged(await node.agree(question, _trials, key=_outcomes, with_refusals=True))
    return trials


def _outcomes(trials: list[Trial]) -> object:
    """Return what endpoints must agree on: some leave out the error's data."""
    return [trial.outcome for trial in trials]


def _merged(told: Sequence[list[Trial]]) -> list[Trial]:
    """Return what endpoints that agree tell together: of each call the error that any of them names.

    Where two name different ones, that is told which most of them name, and the lowest of as many.
    """
    return [_named(trials) for trials in zip(*told, strict=True)]


def _named(trials: Sequence[Trial]) -> Trial:
    """Return one call's trial with the error that is named most."""
    named = sorted(trial.selector for trial in trials if trial.selector)
    return Trial(trials[0].outcome, max(named, key=named.count, default=b""))


def _request(call: Call, *, sender: Address, target: Address, block: int) -> Request:
    """Return the question what one call would do."""
    given = {
        "from": f"0x{sender.hex()}",
        "to": f"0x{target.hex()}",
        "data": f"0x{call.calldata.hex()}",
        "gas": hex(call.gas),
    }
    return ("eth_call", [given, hex(block)])


def _trials(answers: list[Any]) -> list[Trial]:
    """Return what one endpoint says of several calls.

    Raises:
        EndpointRefused: of one of them it does not say.
    """
    return [outcome_of(one) if isinstance(one, EndpointRefused) else Trial("done") for one in answers]


def outcome_of(refusal: EndpointRefused) -> Trial:
    """Return what an error says of a call that was tried.

    Raises:
        EndpointRefused: nothing, it is about something else.
    """
    words = refusal.detail.lower()
    if refusal.revert is None and any(one in words for one in _OUT_OF_GAS):
        return Trial("out_of_gas")
    if refusal.revert is not None or any(one in words for one in _UNDONE):
        return Trial("undone", (refusal.revert or b"")[:_SELECTOR_BYTES])
    raise refusal
