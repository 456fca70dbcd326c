"""The compiled contracts as committed: creation code, and the code that a deployment leaves behind."""

import re
from importlib.resources import files
from typing import Final

import msgspec

_WORD_BYTES: Final = 32
_IMMUTABLE: Final = re.compile(rb"\x00{%d,}" % _WORD_BYTES)


class Artefact(msgspec.Struct, frozen=True, rename="camel"):
    """One contract. Its code holds zeros where a deployment fills in immutable values."""

    contract: str
    bytecode: str
    deployed_bytecode: str

    def creation(self, arguments: bytes) -> bytes:
        """Return the calldata that creates the contract with ABI-encoded constructor `arguments`."""
        return bytes.fromhex(self.bytecode.removeprefix("0x")) + arguments

    def is_code(self, code: bytes) -> bool:
        """Tell whether `code` is this contract's, whatever its immutable values are."""
        template = bytes.fromhex(self.deployed_bytecode.removeprefix("0x"))
        parts = [re.escape(part) for part in _IMMUTABLE.split(template)]
        gaps = [b".{%d}" % len(gap) for gap in _IMMUTABLE.findall(template)]
        pattern = b"".join(part + gap for part, gap in zip(parts, [*gaps, b""], strict=True))
        return re.fullmatch(pattern, code, re.DOTALL) is not None


def artefact(contract: str) -> Artefact:
    """Return the committed artefact of `CashbackToken` or `CashbackMinter`."""
    text = files("cashback.chain").joinpath("artifacts", f"{contract}.json").read_bytes()
    return msgspec.json.decode(text, type=Artefact)
