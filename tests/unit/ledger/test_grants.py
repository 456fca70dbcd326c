"""The document that a refund reads: canonical, and the same grants come back."""

import msgspec
import pytest

from cashback.kernel.money import Minor
from cashback.ledger.model.grants import Grants, LineGrant
from cashback.ledger.rules.grants import decode_grants, encode_grants

GRANTS = Grants(exponent=2, lines=(LineGrant(base=Minor(1_999), grants=(("cmp_1", Minor(29)),)),), rate=(1, 1))


def test_grants_are_the_bytes_that_the_model_shows_and_come_back() -> None:
    """Whole numbers are strings, keys in order, nothing more."""
    document = encode_grants(GRANTS)
    assert document == b'{"exponent":"2","lines":[{"base":"1999","grants":[["cmp_1","29"]]}],"rate":["1","1"]}'
    assert decode_grants(document) == GRANTS


def test_campaigns_stand_in_the_order_of_their_ids() -> None:
    """Whatever order the decision named them in: equal grants have equal bytes."""
    named = (("cmp_2", Minor(1)), ("cmp_1", Minor(2)))
    [line] = decode_grants(
        encode_grants(Grants(exponent=0, lines=(LineGrant(base=Minor(9), grants=named),), rate=(3, 2)))
    ).lines
    assert line.grants == (("cmp_1", Minor(2)), ("cmp_2", Minor(1)))


def test_what_we_did_not_write_is_refused() -> None:
    """An unknown field may mean that the grants are others than they seem."""
    with pytest.raises(msgspec.ValidationError):
        decode_grants(b'{"exponent":"2","lines":[],"rate":["1","1"],"more":"1"}')
