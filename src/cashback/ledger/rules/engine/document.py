"""A judgement as it is stored: canonical JSON of everything it saw and said, whole numbers as strings.

It names its ruleset by digest instead of holding it, leaves out what has its default, and writes small structs as
arrays: 800 bytes for a plain purchase, 1.1 kilobytes where twenty rules are traced. It holds neither user nor purchase
id.
"""

from functools import lru_cache
from typing import Final

import msgspec

from cashback.kernel.errors import Broken
from cashback.kernel.money import BPS_IN_WHOLE
from cashback.ledger.model.decisions import Conversion
from cashback.ledger.model.engine import Exchange, Judgement, ProgrammeFacts, Published, RulesetIdentity, Trace, Verdict
from cashback.ledger.rules.engine.earn import earn
from cashback.ledger.rules.engine.settle import REPLAYED, judge

_encoder: Final = msgspec.json.Encoder(order="deterministic")
_SHARED: Final = 256
_PLAIN: Final = frozenset({str, bool, type(None)})
"""Types that are written as they are. They and numbers are most of a document: each is met without a call."""


class RulesetDiffers(Broken):
    """A decision cannot be replayed by this ruleset: it was decided by another one."""

    code = "ruleset_differs"


def document_in_full(judgement: Judgement) -> bytes:
    """Return the one document of a judgement; equal judgements have equal bytes."""
    members = {
        "engine": str(judgement.engine),
        "facts": _in_strings(msgspec.to_builtins(judgement.facts)),
        "verdict": _verdict(judgement.verdict),
        "programme": _shared(judgement.programme),
        "ruleset": _shared(judgement.ruleset),
        "exchange": _shared(judgement.exchange),
        "conversion": _shared(judgement.conversion),
        "offsets": _in_strings(dict(judgement.offsets)),
        "left": _in_strings(msgspec.to_builtins(judgement.left)),
    }
    return _encoder.encode({name: member for name, member in members.items() if member})


def judgement_of(document: bytes) -> Judgement:
    """Return the judgement that `document_in_full` wrote.

    Raises:
        msgspec.ValidationError: it was not written by us.
    """
    return msgspec.convert(msgspec.json.decode(document), type=Judgement, strict=False)


def replay_in_full(document: bytes, ruleset: Published | None) -> bytes:
    """Decide anew from the inputs that `document` stored; a sound document comes back byte for byte.

    Raises:
        RulesetDiffers: it was decided by another ruleset than this.
    """
    stored = judgement_of(document)
    given = ruleset.identity if ruleset is not None else None
    if stored.engine not in REPLAYED or stored.ruleset != given:
        raise RulesetDiffers("a decision replays by its own engine and ruleset only", ruleset=str(stored.ruleset))
    earned = earn(stored.facts, stored.programme, ruleset, stored.exchange, offsets=stored.offsets)
    judged = judge(earned, stored.left, stored.conversion)
    return document_in_full(msgspec.structs.replace(judged, engine=stored.engine))


def _without_trailing_defaults(parts: list[object]) -> list[object]:
    """Return an array without what is None at its end: only structs have that, and it is their default."""
    while parts and parts[-1] is None:
        parts.pop()
    return parts


def _verdict(verdict: Verdict) -> dict[str, object]:
    """Return a verdict in strings: by its members' names, since it is the most of a document and written each time."""
    members = {
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "desired": verdict.desired and str(verdict.desired),
        "amount": verdict.amount and str(verdict.amount),
        "token_units": verdict.token_units and str(verdict.token_units),
        "campaigns": verdict.campaigns,
        "lines": [[str(line.base), str(line.grant), list(map(str, line.shares))] for line in verdict.lines],
        "trace": _trace(verdict.trace),
    }
    return {name: member for name, member in members.items() if member}


def _trace(trace: Trace) -> dict[str, object]:
    """Return a trace in strings; a limit that is no campaign's ends with what it let through."""
    multiplier = trace.multiplier_bps
    members = {
        "counted": [[each.rule, str(each.desired), str(each.granted)] for each in trace.counted],
        "skipped": trace.skipped,
        "multiplier_bps": str(multiplier) if multiplier != BPS_IN_WHOLE else None,
        "flags": [[flag.kind, str(flag.figure), flag.action] for flag in trace.flags],
        "clamps": [
            [each.limit, str(each.desired), str(each.granted), *((each.campaign,) if each.campaign is not None else ())]
            for each in trace.clamps
        ],
    }
    return {name: member for name, member in members.items() if member}


@lru_cache(maxsize=_SHARED)
def _shared(terms: ProgrammeFacts | RulesetIdentity | Exchange | Conversion | None) -> object:
    """Return what many decisions share, made once."""
    return _in_strings(msgspec.to_builtins(terms))


def _in_strings(value: object) -> object:
    """Return `value` with every whole number as a decimal string, so that no JSON reader rounds it."""
    if isinstance(value, dict):
        return {
            name: str(part) if type(part) is int else part if type(part) in _PLAIN else _in_strings(part)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return _without_trailing_defaults(
            [str(part) if type(part) is int else part if type(part) in _PLAIN else _in_strings(part) for part in value]
        )
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
