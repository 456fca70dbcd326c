"""Calldata, return data, events and errors of the two contracts, by hand: their words are 32 bytes each."""

from collections.abc import Sequence
from typing import Final

from eth_utils.crypto import keccak

WORD_BYTES: Final = 32
ADDRESS_BYTES: Final = 20
_SELECTOR_BYTES: Final = 4


class Reverted(Exception):
    """A call undid itself; `data` is the encoded custom error, empty when the call fits no function."""

    def __init__(self, data: bytes = b"", *, burns: bool = False) -> None:
        """Carry the revert data; who `burns` has used up nearly all the gas before."""
        super().__init__(data.hex())
        self.data = data
        self.burns = burns


def error(signature: str, *words: bytes) -> Reverted:
    """Return a custom error of Solidity, such as `LimitExceeded(uint256,uint256)`, ready to be raised."""
    return Reverted(selector(signature) + b"".join(words))


_selectors: dict[str, bytes] = {}


def selector(signature: str) -> bytes:
    """Return the four bytes of a function or an error."""
    known = _selectors.get(signature)
    if known is None:
        known = _selectors[signature] = bytes(keccak(text=signature)[:_SELECTOR_BYTES])
    return known


def topic(signature: str) -> bytes:
    """Return the first topic of an event."""
    return bytes(keccak(text=signature))


def uint(value: int) -> bytes:
    """Return an integer as one word."""
    return value.to_bytes(WORD_BYTES)


def padded(address: bytes) -> bytes:
    """Return an address as one word."""
    return bytes(WORD_BYTES - len(address)) + address


def array(values: Sequence[bytes]) -> bytes:
    """Return a lone dynamic array of words, as a function returns it."""
    return uint(WORD_BYTES) + uint(len(values)) + b"".join(values)


class Arguments:
    """The arguments of one call; what does not decode reverts without data, as Solidity's decoder does."""

    def __init__(self, calldata: bytes) -> None:
        """Read the words behind the selector."""
        body = calldata[_SELECTOR_BYTES:]
        self._words = [body[start : start + WORD_BYTES] for start in range(0, len(body), WORD_BYTES)]

    def word(self, place: int) -> bytes:
        """Return the word at a place."""
        if place >= len(self._words) or len(self._words[place]) != WORD_BYTES:
            raise Reverted
        return self._words[place]

    def uint(self, place: int, *, bits: int = 256) -> int:
        """Return the integer at a place; one that is too large for its type reverts."""
        value = int.from_bytes(self.word(place))
        if value >> bits:
            raise Reverted
        return value

    def address(self, place: int) -> bytes:
        """Return the address at a place."""
        return self.uint(place, bits=160).to_bytes(ADDRESS_BYTES)

    def words(self, place: int) -> list[bytes]:
        """Return the array whose offset stands at a place."""
        start = self.uint(place, bits=64) // WORD_BYTES
        count = self.uint(start, bits=64)
        return [self.word(start + 1 + entry) for entry in range(count)]

    def uints(self, place: int, *, bits: int) -> list[int]:
        """Return the array of integers whose offset stands at a place."""
        values = [int.from_bytes(word) for word in self.words(place)]
        if any(value >> bits for value in values):
            raise Reverted
        return values
