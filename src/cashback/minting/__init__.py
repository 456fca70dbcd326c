"""Minting: between what the ledger asks for and what the chain did.

A request (`token.mint.requested`) is stored once under its number, handed to the blockchain adapter until the adapter
has it, and followed until the adapter tells that its log is final or that it cannot be minted; that outcome is
published, again and again if it is asked for again. Nothing here knows a chain or a key, and nothing is guessed: what
contradicts halts the submission until a person has looked.
"""

from cashback.minting.model import (
    NUMBER_RETIRED,
    Cursor,
    Halt,
    HaltKind,
    Inclusion,
    Mint,
    MintRequest,
    MintRetired,
    MintSettled,
    MintState,
)
from cashback.minting.service.follower import Follower
from cashback.minting.service.halts import Halts
from cashback.minting.service.numbers import NumberTeller
from cashback.minting.service.readings import Readings
from cashback.minting.service.requests import Requests
from cashback.minting.service.retries import Retries
from cashback.minting.service.submitter import Submitter

__all__ = [
    "NUMBER_RETIRED",
    "Cursor",
    "Follower",
    "Halt",
    "HaltKind",
    "Halts",
    "Inclusion",
    "Mint",
    "MintRequest",
    "MintRetired",
    "MintSettled",
    "MintState",
    "NumberTeller",
    "Readings",
    "Requests",
    "Retries",
    "Submitter",
]
