"""All that is wrong with a request, told at once: the first mistake is the failure, and its `errors` are all of them.

    rules     first_of(problem, problem, ...) ─┐
    a body    kernel.http.faults ──────────────┼─▶ failure.fields["errors"] ─▶ the member `errors` of its problem
    a query   kernel.http.parameters ──────────┘

One alone has no `errors`: the failure itself says all there is.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from cashback.kernel.errors import Rejected

MISTAKES_MAX: Final = 20
"""So many are told of one request: whoever made more begins with these."""

R = TypeVar("R", bound=Rejected)


class Mistake(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong with a request, in the `code` and `detail` that it would have had alone.

    `pointer` is a JSON pointer (RFC 6901) into the request's body; `parameter` names a header, a part of the path or of
    the query.
    """

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None


def first_of(*problems: Rejected | None) -> Rejected | None:
    """Return the first of the problems that there are, with all of them as its `errors`; None where there is none."""
    found = [problem for problem in problems if problem is not None]
    return gathered(found) if found else None


def gathered(problems: Sequence[R]) -> R:
    """Return the first of some problems, at least one, with all of them as its `errors` where there are several."""
    first = problems[0]
    if len(problems) > 1:
        told = [mistake for problem in problems[:MISTAKES_MAX] for mistake in mistakes_of(problem)]
        first.fields["errors"] = told[:MISTAKES_MAX]
    return first


def mistakes_of(problem: Rejected) -> list[Mistake]:
    """Return all that a problem tells of: what was gathered in it, or itself."""
    told = problem.fields.get("errors")
    if isinstance(told, list):
        return told
    places = {name: str(problem.fields[name]) for name in ("pointer", "parameter") if name in problem.fields}
    return [Mistake(code=problem.code, detail=problem.detail, **places)]


def placed_in(fields: Mapping[str, object], whole: str, *, most: int = MISTAKES_MAX) -> dict[str, object]:
    """Return what a failure about a part of a body carries, as one about the body; `whole` points to that part.

    Of its mistakes no more are kept than `most`.
    """
    moved = dict(fields)
    if "pointer" in moved:
        moved["pointer"] = f"{whole}{moved['pointer']}"
    if isinstance(told := moved.get("errors"), list):
        moved["errors"] = [_within(mistake, whole) for mistake in told[:most]]
    return moved


def _within(mistake: Mistake, whole: str) -> Mistake:
    """Return a mistake in a part of a body as one in the body."""
    if mistake.pointer is None:
        return mistake
    return msgspec.structs.replace(mistake, pointer=f"{whole}{mistake.pointer}")
