"""No REST body has a pattern that would be told to people as a regular expression."""

import msgspec
import pytest

from cashback.kernel.money import WANTED
from cashback.purchases.http import people, programmes, purchases

BODIES = [
    found
    for module in (people, programmes, purchases)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, msgspec.Struct) and found.__struct_config__.forbid_unknown_fields
]


def patterns(kind: object) -> set[str]:
    """Return every pattern of a type and of what it is made of."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return patterns(kind.type)
    if isinstance(kind, msgspec.inspect.StrType):
        return {kind.pattern} if kind.pattern else set()
    if isinstance(kind, msgspec.inspect.UnionType):
        return set().union(*(patterns(each) for each in kind.types))
    if isinstance(kind, msgspec.inspect.StructType):
        return set().union(*(patterns(field.type) for field in kind.fields))
    return set()


def test_there_are_bodies_with_patterns() -> None:
    """Or the test below would look at nothing."""
    assert {body.__name__ for body in BODIES} >= {"PurchaseBody", "UserBody", "WalletBody", "ProgrammeBody"}
    assert set().union(*(patterns(msgspec.inspect.type_info(body)) for body in BODIES)) == WANTED.keys()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_pattern_of_a_body_has_its_sentence(body: type[msgspec.Struct]) -> None:
    """A new pattern needs its words in `kernel.money.WANTED`."""
    assert patterns(msgspec.inspect.type_info(body)) <= WANTED.keys()
