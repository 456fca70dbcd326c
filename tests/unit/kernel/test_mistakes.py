"""All that is wrong is told at once: the first problem knows the others, in order, and so many at most."""

from cashback.kernel.errors import Invalid, NotFound, Rejected
from cashback.kernel.mistakes import MISTAKES_MAX, Mistake, first_of, gathered, mistakes_of, placed_in


class Unknown(NotFound):
    """Something is not there."""

    code = "thing_unknown"


def mistakes(problem: Rejected | None) -> list[tuple[str, str | None]]:
    """Return codes and places of all that a problem tells."""
    assert problem is not None
    return [(mistake.code, mistake.pointer or mistake.parameter) for mistake in mistakes_of(problem)]


def test_nothing_is_wrong_with_what_has_no_problem() -> None:
    """However many were asked."""
    assert first_of() is None
    assert first_of(None, None) is None


def test_one_problem_is_itself() -> None:
    """With nothing beside it: it says all there is."""
    alone = Invalid("no", pointer="/a")
    assert first_of(None, alone, None) is alone
    assert alone.fields == {"pointer": "/a"}
    assert mistakes_of(alone) == [Mistake(code="invalid", detail="no", pointer="/a")]


def test_the_first_of_several_knows_all_of_them() -> None:
    """Each by its own code, detail and place; what else it carries stays with itself."""
    first = first_of(Unknown("gone", parameter="id"), None, Invalid("no", pointer="/a", left_minor="7"))
    assert isinstance(first, Unknown)
    assert first.fields["errors"] == [
        Mistake(code="thing_unknown", detail="gone", parameter="id"),
        Mistake(code="invalid", detail="no", pointer="/a"),
    ]


def test_what_was_gathered_is_gathered_again() -> None:
    """In the order in which it was found: lines within a purchase, purchases beside its time."""
    lines = first_of(Invalid("no", pointer="/lines/0"), Invalid("no", pointer="/lines/1"))
    whole = first_of(Invalid("no", pointer="/amount"), lines, Invalid("no", pointer="/at"))
    assert [place for _, place in mistakes(whole)] == ["/amount", "/lines/0", "/lines/1", "/at"]


def test_no_more_are_told_than_anybody_reads() -> None:
    """The first twenty, however they were gathered."""
    many = gathered([Invalid("no", pointer=f"/{place}") for place in range(1_000)])
    assert [place for _, place in mistakes(many)] == [f"/{place}" for place in range(MISTAKES_MAX)]
    twice = first_of(many, Invalid("no", pointer="/more"))
    assert len(mistakes(twice)) == MISTAKES_MAX


def test_a_part_of_a_body_is_pointed_at_in_the_whole() -> None:
    """With everything in it that has a place; a parameter is one of the request, and stays."""
    part = gathered([Invalid("no", pointer=""), Invalid("no", pointer="/a"), Invalid("no", parameter="key")])
    moved = placed_in(part.fields, "/purchases/7")
    assert moved["pointer"] == "/purchases/7"
    assert moved["errors"] == [
        Mistake(code="invalid", detail="no", pointer="/purchases/7"),
        Mistake(code="invalid", detail="no", pointer="/purchases/7/a"),
        Mistake(code="invalid", detail="no", parameter="key"),
    ]
    assert placed_in(part.fields, "", most=2)["errors"] == mistakes_of(part)[:2]
    assert placed_in({"left_minor": "7"}, "/a") == {"left_minor": "7"}
