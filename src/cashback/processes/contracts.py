"""`cashback contracts deploy`: puts the token and its minter on a chain, once; running it again says so.

key ──▶ deployer (admin of both contracts) ──▶ token, minter, roles ──▶ addresses
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from eth_utils.address import to_checksum_address

from cashback.chain.gateway.node import Node
from cashback.chain.service.deploying import Deployer, Plan
from cashback.kernel.money import TOKEN_SYMBOL
from cashback.processes import signing
from cashback.processes.signing import WHOLE_TOKEN, HexAddress, SigningSettings, Units, address


class Settings(SigningSettings, frozen=True, kw_only=True):
    """Which chain, whose key deploys, who may mint and who may pause, and the limits in base units.

    Addresses of contracts are those that must stand, or come to stand, there. On a development chain with a mnemonic,
    account 0 deploys, account 1 mints and account 2 may pause unless other addresses are given.
    """

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
    rpc_timeout_ms: Annotated[int, msgspec.Meta(ge=100, le=60_000)] = 10_000

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what does not go together, and who is not named though only a mnemonic could name them."""
        yield from signing.contradictions(settings)
        if "key_mnemonic" not in settings or settings["key_mnemonic"].value:
            return
        for name, may in (("operator_addresses", "mint"), ("guardian_address", "pause")):
            if name in settings and not settings[name]:
                yield f"CASHBACK_{name.upper()} is required: who may {may}? Only of a mnemonic's accounts one is taken"


class Deployed(msgspec.Struct, frozen=True):
    """Where the contracts stand (EIP-55), and whether this call changed anything on the chain."""

    token: str
    minter: str
    is_new: bool


async def deploy(settings: Settings) -> Deployed:
    """Return the addresses once contracts and roles stand as planned and are verified.

    Raises:
        SettingsInvalid: the key cannot be used; it says what to do.
        WrongChain: something else stands at a given address, or the endpoint serves another chain.
        DeploymentUnknown: whether this key has deployed before cannot be told; name the addresses.
        KeyUnavailable: the service that holds the key gave no signature; run it again.
        ChainUnavailable: no endpoint answered, or a transaction was not mined in time; run it again.
    """
    timeout_s = settings.rpc_timeout_ms / 1_000
    async with (
        settings.every_signer() as (signer,),
        Node.open(settings.rpc_urls, chain_id=settings.chain_id, timeout_s=timeout_s) as node,
    ):
        await node.verify()
        deployer = Deployer(node, signer=signer, chain_id=settings.chain_id, limits=settings.fee_limits)
        deployed = await deployer.deploy(_plan(settings))
    return Deployed(to_checksum_address(deployed.token), to_checksum_address(deployed.minter), is_new=deployed.is_new)


def _plan(settings: Settings) -> Plan:
    """Return what to deploy; who is not named is the next account of the mnemonic."""
    operators = tuple(address(text) for text in settings.operator_addresses)
    guardian = address(settings.guardian_address) if settings.guardian_address else None
    return Plan(
        name=settings.token_name,
        symbol=settings.token_symbol,
        supply_cap=settings.supply_cap,
        admin_delay_s=settings.admin_delay_s,
        operators=operators or (settings.account(settings.key_index + 1).address,),
        guardian=guardian or settings.account(settings.key_index + 2).address,
        mint_capacity=settings.mint_capacity,
        mint_window_s=settings.mint_window_s,
        token=address(settings.token_address) if settings.token_address else None,
        minter=address(settings.minter_address) if settings.minter_address else None,
    )
