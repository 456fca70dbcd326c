"""`cashback contracts deploy`: puts the token and its minter on a chain, once; running it again says so.

key ──▶ deployer (admin of both contracts) ──▶ token, minter, roles ──▶ addresses
"""

from pathlib import Path
from typing import Annotated

import msgspec
from eth_utils.address import to_checksum_address

from cashback.chain.gateway import keys
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, KeyUnusable
from cashback.chain.rules.fees import FeeLimits
from cashback.chain.service.deploying import Deployer, Plan
from cashback.kernel.config import Secret
from cashback.kernel.money import INT63_MAX, TOKEN_SYMBOL

HexAddress = Annotated[str, msgspec.Meta(pattern="^(0x[0-9a-fA-F]{40})?$")]
Url = Annotated[str, msgspec.Meta(pattern="^https?://")]
Units = Annotated[int, msgspec.Meta(ge=1, le=INT63_MAX)]
WHOLE_TOKEN = 1_000_000
GWEI = 1_000_000_000


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which chain, whose key deploys, who may mint and who may pause, and the limits in base units.

    Addresses that are given are checked instead of deployed. On a development chain with a mnemonic, account 0 deploys,
    account 1 mints and account 2 may pause unless other addresses are given.
    """

    rpc_urls: Annotated[tuple[Url, ...], msgspec.Meta(min_length=1, max_length=8)]
    chain_id: Annotated[int, msgspec.Meta(ge=1)]
    key_keystore: str = ""
    key_password: Secret = Secret("")
    key_mnemonic: Secret = Secret("")
    key_index: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    operator_addresses: tuple[HexAddress, ...] = ()
    guardian_address: HexAddress = ""
    token_address: HexAddress = ""
    minter_address: HexAddress = ""
    token_name: str = "Cashback"  # noqa: S105 - a token to hold, not one to log in with
    token_symbol: str = TOKEN_SYMBOL
    supply_cap: Units = 1_000_000_000_000 * WHOLE_TOKEN
    mint_capacity: Units = 10_000_000 * WHOLE_TOKEN
    mint_window_s: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] = 86_400
    admin_delay_s: Annotated[int, msgspec.Meta(ge=0, le=31_536_000)] = 172_800
    tip_wei: Annotated[int, msgspec.Meta(ge=0, le=10**15)] = GWEI
    fee_cap_wei: Annotated[int, msgspec.Meta(ge=1, le=10**15)] = 500 * GWEI
    rpc_timeout_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 10_000


class Deployed(msgspec.Struct, frozen=True):
    """Where the contracts stand (EIP-55), and whether this call changed anything on the chain."""

    token: str
    minter: str
    is_new: bool


async def deploy(settings: Settings) -> Deployed:
    """Return the addresses once contracts and roles stand as planned and are verified.

    Raises:
        WrongChain: something else stands at a given address, or the endpoint serves another chain.
        KeyUnusable: the deployer's key cannot be used, or nobody is named who may mint.
        ChainUnavailable: no endpoint answered, or a transaction was not mined in time; run it again.
    """
    signer = _key(settings, settings.key_index)
    timeout_s = settings.rpc_timeout_ms / 1_000
    async with Node.open(settings.rpc_urls, chain_id=settings.chain_id, timeout_s=timeout_s) as node:
        limits = FeeLimits(settings.tip_wei, settings.fee_cap_wei)
        deployer = Deployer(node, signer=signer, chain_id=settings.chain_id, limits=limits)
        deployed = await deployer.deploy(_plan(settings, signer))
    return Deployed(to_checksum_address(deployed.token), to_checksum_address(deployed.minter), is_new=deployed.is_new)


def _plan(settings: Settings, signer: keys.Signer) -> Plan:
    """Return what to deploy."""
    operators = tuple(_address(text) for text in settings.operator_addresses)
    if not operators and not settings.key_mnemonic.value:
        raise KeyUnusable("name the addresses that may mint in CASHBACK_OPERATOR_ADDRESSES")
    guardian = _address(settings.guardian_address) if settings.guardian_address else None
    if settings.key_mnemonic.value:
        operators = operators or (_key(settings, settings.key_index + 1).address,)
        guardian = guardian or _key(settings, settings.key_index + 2).address
    return Plan(
        name=settings.token_name,
        symbol=settings.token_symbol,
        supply_cap=settings.supply_cap,
        admin_delay_s=settings.admin_delay_s,
        operators=operators,
        guardian=guardian or signer.address,
        mint_capacity=settings.mint_capacity,
        mint_window_s=settings.mint_window_s,
        token=_address(settings.token_address) if settings.token_address else None,
        minter=_address(settings.minter_address) if settings.minter_address else None,
    )


def _key(settings: Settings, index: int) -> keys.Signer:
    """Return the key of the settings, of a mnemonic the account `index`.

    Raises:
        KeyUnusable: there is none, or there are two, or it cannot be used.
    """
    if bool(settings.key_keystore) == bool(settings.key_mnemonic.value):
        raise KeyUnusable("set either CASHBACK_KEY_KEYSTORE or, on a development chain, CASHBACK_KEY_MNEMONIC")
    if settings.key_keystore:
        return keys.from_keystore(Path(settings.key_keystore), settings.key_password.value)
    return keys.from_mnemonic(settings.key_mnemonic.value, index=index, chain_id=settings.chain_id)


def _address(text: str) -> Address:
    """Return hexadecimal text as an address."""
    return Address(bytes.fromhex(text.removeprefix("0x")))
