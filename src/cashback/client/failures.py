"""Why a call came to nothing.

    CallFailed
    ├── ApiProblem    the API said no, and why: a problem document (RFC 9457)
    ├── Unchanged     it is as the caller has seen it, who asked only for what is not (304)
    ├── NoAnswer      nobody answered, or in no words of the API; what was asked for may have been done
    └── Unsendable    it cannot be written as HTTP: nothing was sent

Sending a call again is safe in any case: its idempotency key is a part of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import UNSET

from cashback.client.api.structs import Mistake, Problem

MISTAKES_TOLD: Final = 5
"""So many of a problem's mistakes stand in its text; `problem.errors` has all of them."""


class CallFailed(Exception):
    """Root of all that a client raises."""


class ApiProblem(CallFailed):
    """The API refused a call, or could not serve it after all tries; `code` is for programs, and never changes.

    Its text names the code and what is wrong, each with its place. `members` are all those of the document: some belong
    to one code, as `purchase_id` does to `purchase_exists`, and are members of `problem` as well; but for one that this
    client is too old to know.
    """

    def __init__(self, problem: Problem, members: Mapping[str, object]) -> None:
        """Say what the API said."""
        told = list(mistakes_told(problem))
        more = [f"and {len(told) - MISTAKES_TOLD} more"] if len(told) > MISTAKES_TOLD else []
        super().__init__(f"{problem.code}: {'; '.join([*told[:MISTAKES_TOLD], *more])}")
        self.problem = problem
        self.members = members

    @property
    def code(self) -> str:
        """Return the stable name of what is wrong."""
        return self.problem.code

    @property
    def status(self) -> int:
        """Return the status of the answer."""
        return self.problem.status


class Unchanged(CallFailed):
    """What was asked for under its entity tag has that tag still: the API did not tell it again."""


class NoAnswer(CallFailed):
    """There is no answer, or none in words of the API; what `httpx` said of it is the cause, where it said anything."""


class Unsendable(CallFailed):
    """A header or the path has characters that HTTP has not: nothing was sent."""


def mistakes_told(problem: Problem) -> Iterator[str]:
    """Yield all that a problem says is wrong, in its order, each with its place in brackets where it has one."""
    several: Sequence[Problem | Mistake] = () if problem.errors is UNSET else problem.errors
    yield from map(_told, several or [problem])


def _told(mistake: Problem | Mistake) -> str:
    """Return what is wrong, and where: a pointer into the body, or the name of a parameter."""
    place = next((one for one in (mistake.pointer, mistake.parameter) if isinstance(one, str) and one), "")
    return f"{mistake.detail} ({place})" if place else mistake.detail
