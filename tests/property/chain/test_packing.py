"""Packing: every mint once, in a call that the contract reads as it was meant."""

from eth_abi.abi import decode
from hypothesis import given
from hypothesis import strategies as st

from cashback.chain.model import Address, Call, Waiting
from cashback.chain.rules.packing import SELECTOR_MINT_BATCH, Limits, numbers_in, pack
from cashback.kernel.money import INT63_MAX

addresses = st.binary(min_size=20, max_size=20).filter(any)
amounts = st.integers(min_value=1, max_value=INT63_MAX)
numbers = st.one_of(st.integers(min_value=1, max_value=600), st.integers(min_value=1, max_value=INT63_MAX))
queues = st.dictionaries(numbers, st.tuples(addresses, amounts), max_size=60).map(
    lambda mints: [Waiting(number, Address(to), amount) for number, (to, amount) in sorted(mints.items())]
)
PLENTY = Limits(calls=100, mints=256, gas=16_000_000, amount=2**80)


def read(call: Call) -> list[Waiting]:
    """Return what the contract sees in a call, decoded by an ABI library."""
    if call.calldata[:4] == SELECTOR_MINT_BATCH:
        first, words = decode(["uint64", "bytes32[]"], call.calldata[4:])
        pairs = [(first + place, word) for place, word in enumerate(words) if any(word)]
    else:
        given_numbers, words = decode(["uint64[]", "bytes32[]"], call.calldata[4:])
        pairs = list(zip(given_numbers, words, strict=True))
    assert len(words) <= 256
    return [Waiting(number, Address(word[:20]), int.from_bytes(word[20:])) for number, word in pairs]


@given(queues)
def test_every_mint_is_in_one_call_with_its_own_recipient_and_amount(queue: list[Waiting]) -> None:
    """Nothing lost, doubled or mixed up, in the order of the numbers."""
    calls = pack(queue, PLENTY)
    assert [mint for call in calls for mint in read(call)] == queue
    assert [number for call in calls for number in call.numbers] == [mint.number for mint in queue]
    assert sum(call.amount for call in calls) == sum(mint.amount for mint in queue)


@given(queues)
def test_the_numbers_of_a_call_are_read_back_from_its_bytes(queue: list[Waiting]) -> None:
    """Both forms, and with gaps: what a stored call would mint is known without its mints."""
    for call in pack(queue, PLENTY):
        assert numbers_in(call.calldata) == call.numbers


@given(queues, st.integers(0, 5), st.integers(1, 20), st.integers(0, 3_000_000), st.integers(0, INT63_MAX))
def test_no_limit_is_exceeded(queue: list[Waiting], calls: int, mints: int, gas: int, amount: int) -> None:
    """Calls, mints and gas of each call, and base units of all calls together."""
    packed = pack(queue, Limits(calls=calls, mints=mints, gas=gas, amount=amount))
    assert len(packed) <= calls
    assert all(0 < len(call.numbers) <= mints for call in packed)
    assert all(call.gas <= gas for call in packed)
    assert sum(call.amount for call in packed) <= amount


@given(queues.filter(bool))
def test_a_mint_beyond_the_limit_does_not_hold_up_the_others(queue: list[Waiting]) -> None:
    """Whatever fits goes, as if what does not fit were not there."""
    largest = max(queue, key=lambda mint: mint.amount)
    rest = [mint for mint in queue if mint.amount < largest.amount]
    limits = Limits(calls=100, mints=256, gas=16_000_000, amount=min(largest.amount - 1, INT63_MAX))
    fitting = [mint for mint in rest if mint.amount <= limits.amount]
    packed = {number for call in pack(queue, limits) for number in call.numbers}
    assert largest.number not in packed
    assert bool(packed) == bool(fitting)


def test_the_full_batch_fits_into_a_transaction_even_at_its_worst() -> None:
    """256 mints, each in its own word of the bitmap, under the cap of EIP-7825."""
    queue = [Waiting(1 + 256 * place, Address(b"\xff" * 20), INT63_MAX) for place in range(256)]
    [call] = pack(queue, Limits(calls=1, mints=256, gas=16_777_216, amount=2**80))
    assert len(call.numbers) == 256
    assert call.gas <= 16_777_216
