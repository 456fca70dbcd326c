"""Why a call came to nothing.

    CallFailed
    ├── ApiProblem    the API said no, and why: a problem document (RFC 9457)
    ├── Unchanged     it is as the caller has seen it, who asked only for what is not (304)
    ├── NoAnswer      nobody answered, or in no words of the API; what was asked for may have been done
    └── Unsendable    it cannot be written as HTTP: nothing was sent

Sending a call again is safe in any case: its idempotency key is a part of it.
"""

from collections.abc import Mapping

from cashback.client.api.structs import Problem


class CallFailed(Exception):
    """Root of all that a client raises."""


class ApiProblem(CallFailed):
    """The API refused a call, or could not serve it after all tries; `code` is for programs, and never changes.

    `members` are all those of the document: some belong to one code, as `purchase_id` does to `purchase_exists`.
    """

    def __init__(self, problem: Problem, members: Mapping[str, object]) -> None:
        """Say what the API said."""
        super().__init__(f"{problem.code}: {problem.detail}")
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
