"""The document that a refund reads: canonical, and the same grants come back."""

import msgspec
import pytest

from cashback.kernel.money import Minor
from cashback.ledger.model.engine import CampaignLeft, Left, Line
from cashback.ledger.model.grants import Grants, LineGrant
from cashback.ledger.rules.grants import decode_grants, encode_grants, grants_of
from tests.support.engine import bought, case, rule

GRANTS = Grants(exponent=2, lines=(LineGrant(base=Minor(1_999), grants=(("cmp_1", Minor(29)),)),), rate=(1, 1))
OLD = b'{"exponent":"2","lines":[{"base":"1999","grants":[["cmp_1","29"]]}],"rate":["1","1"]}'


def test_grants_are_the_bytes_that_the_model_shows_and_come_back() -> None:
    """Whole numbers are strings, keys in order, nothing more."""
    document = encode_grants(GRANTS)
    assert document == b'{"campaigns":["cmp_1"],"exponent":"2","lines":[["1999",["29"]]],"rate":["1","1"]}'
    assert decode_grants(document) == GRANTS


def test_campaigns_stand_in_the_order_of_their_ids() -> None:
    """Whatever order the decision named them in: equal grants have equal bytes."""
    named = (("cmp_2", Minor(1)), ("cmp_1", Minor(2)))
    [line] = decode_grants(
        encode_grants(Grants(exponent=0, lines=(LineGrant(base=Minor(9), grants=named),), rate=(3, 2)))
    ).lines
    assert line.grants == (("cmp_1", Minor(2)), ("cmp_2", Minor(1)))


@pytest.mark.parametrize(
    "document",
    [
        b'{"exponent":"2","lines":[],"rate":["1","1"],"more":"1"}',
        b'{"campaigns":[],"exponent":"2","lines":[],"more":"1","rate":["1","1"]}',
        b'{"campaigns":["cmp_1"],"exponent":"2","lines":[["1",["1","1"]]],"rate":["1","1"]}',
        b'{"exponent":"2","lines":[["1999",["29"]]],"rate":["1","1"]}',
    ],
)
def test_what_we_did_not_write_is_refused(document: bytes) -> None:
    """An unknown field, or a share of nobody, may mean that the grants are others than they seem."""
    with pytest.raises(msgspec.ValidationError):
        decode_grants(document)


def test_grants_are_read_in_the_form_they_had_before() -> None:
    """With its campaigns' names in each line: what was stored stays as it is."""
    assert decode_grants(OLD) == GRANTS


def test_a_campaign_is_named_once_and_has_a_share_of_each_line() -> None:
    """A line that it pays nothing on says so; one that pays nothing at all is not named."""
    lines = (
        LineGrant(base=Minor(9), grants=(("cmp_1", Minor(1)), ("cmp_2", Minor(0)), ("cmp_3", Minor(3)))),
        LineGrant(base=Minor(8), grants=(("cmp_3", Minor(5)),)),
    )
    document = encode_grants(Grants(exponent=0, lines=lines, rate=(3, 2)))
    assert document == (
        b'{"campaigns":["cmp_1","cmp_3"],"exponent":"0","lines":[["9",["1","3"]],["8",["0","5"]]],"rate":["3","2"]}'
    )
    paid = [line.grants for line in decode_grants(document).lines]
    assert paid == [(("cmp_1", Minor(1)), ("cmp_3", Minor(3))), (("cmp_3", Minor(5)),)]


def test_the_grants_of_a_decision_are_written_as_any_others() -> None:
    """Byte for byte; its campaigns that pay nothing are left out, and what grants nothing has none."""
    rules = (rule("a", 100, "cmp_a"), rule("b", 200, "cmp_b"), rule("c", 300, "cmp_c"))
    left = Left(campaigns=(CampaignLeft("cmp_a", Minor(5)), CampaignLeft("cmp_c", Minor(9))))
    lines = (Line(Minor(1_000)), Line(Minor(999)))
    document = grants_of(case(*rules, facts=bought(lines=lines), left=left).judged())
    assert document is not None
    grants = decode_grants(document)
    assert document == encode_grants(grants)
    assert [(line.base, dict(line.grants)) for line in grants.lines] == [
        (1_000, {"cmp_a": 2, "cmp_c": 4}),
        (999, {"cmp_a": 3, "cmp_c": 5}),
    ]
    assert grants_of(case(*rules, left=Left()).judged()) is None
