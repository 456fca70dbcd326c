"""What the command line says of a problem: what is wrong, where, and every member that belongs to its code."""

import pytest

from cashback.client import ApiProblem
from cashback.client.api.structs import Problem
from cashback.processes.client import ApiRejected, failures_of

OF_ALL = {"type": "/docs/problems/x", "title": "x", "status": 409, "trace_id": "0" * 32, "detail": "so it is"}


@pytest.mark.parametrize(
    "own, said",
    [
        ({"purchase_id": "pur_1"}, "x: so it is (/reference); purchase_id: pur_1"),
        ({"next": "3/2", "last": "1/2"}, "x: so it is (/reference); last: 1/2; next: 3/2"),
        (
            {"left_minor": 7, "problems": [{"code": "y"}]},
            'x: so it is (/reference); left_minor: 7; problems: [{"code":"y"}]',
        ),
        ({}, "x: so it is (/reference)"),
    ],
)
def test_members_of_a_code_are_told_by_their_names(own: dict[str, object], said: str) -> None:
    """In the order of the alphabet, behind the detail; what every problem has is not repeated."""
    problem = Problem(**OF_ALL, code="x", pointer="/reference")  # type: ignore[arg-type]  # a status among texts
    members = {**OF_ALL, "code": "x", "pointer": "/reference", **own}
    with pytest.raises(ApiRejected) as refused, failures_of("http://127.0.0.1:1"):
        raise ApiProblem(problem, members)
    assert refused.value.detail == said
