"""Which chain, and whose key signs on it: the settings that the adapter and the deployment share."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from cashback.chain.gateway import keys
from cashback.chain.model import Address, KeyUnusable
from cashback.chain.rules.fees import FeeLimits
from cashback.kernel.config import HttpUrl, Secret, SettingsInvalid, Shape
from cashback.kernel.money import INT63_MAX
from cashback.kernel.wanted import UNIT
from cashback.processes import remote_keys
from cashback.processes.remote_keys import KmsId, KmsSettings

HexAddress: TypeAlias = Annotated[str, Shape(r"0x[0-9a-fA-F]{40}", "an address, 0x and 40 hexadecimal digits")]

Units: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=INT63_MAX, extra={UNIT: "base units of the token"})]
"""Base units of the token."""

WHOLE_TOKEN: Final = 1_000_000
GWEI: Final = 1_000_000_000
LANES_MAX: Final = 32
ENDPOINTS_MAX: Final = 8
_KEYS: Final = "CASHBACK_KEY_KEYSTORE or CASHBACK_KEY_KMS_ID or, on a development chain, CASHBACK_KEY_MNEMONIC"


class SigningSettings(KmsSettings, frozen=True, kw_only=True):
    """Where a chain is, the key that signs there, and what gas may cost.

    The key is one in AWS KMS, a keystore file with its password, or on a development chain the account `key_index` of a
    mnemonic.
    """

    rpc_urls: Annotated[tuple[HttpUrl, ...], msgspec.Meta(min_length=1, max_length=ENDPOINTS_MAX)]
    chain_id: Annotated[int, msgspec.Meta(ge=1)]
    key_keystore: str = ""
    key_password: Secret = Secret("")
    key_mnemonic: Secret = Secret("")
    key_index: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    tip_floor_wei: Annotated[int, msgspec.Meta(ge=0, le=10**15)] = GWEI // 1_000
    tip_cap_wei: Annotated[int, msgspec.Meta(ge=0, le=10**15)] = 100 * GWEI
    fee_cap_wei: Annotated[int, msgspec.Meta(ge=1, le=10**15)] = 500 * GWEI

    @property
    def fee_limits(self) -> FeeLimits:
        """Return what is bid for gas at most."""
        return FeeLimits(tip_floor_wei=self.tip_floor_wei, tip_cap_wei=self.tip_cap_wei, cap_wei=self.fee_cap_wei)

    def signer(self) -> keys.Signer:
        """Return the key.

        Raises:
            SettingsInvalid: it cannot be used; whether a password opens a keystore is known only when it is tried.
        """
        if not self.key_keystore:
            return self.account(self.key_index)
        return _opened("CASHBACK_KEY_KEYSTORE", self.key_keystore, self.key_password)

    def signers(self) -> tuple[keys.Signer, ...]:
        """Return the keys that this process holds itself, in the order of the settings.

        Raises:
            SettingsInvalid: one cannot be used, or two are the same.
        """
        return (self.signer(),) if self.key_keystore or self.key_mnemonic.value else ()

    @asynccontextmanager
    async def every_signer(self) -> AsyncIterator[tuple[keys.Signer, ...]]:
        """Yield the keys that this process holds itself, then those in a KMS, each tried.

        Raises:
            SettingsInvalid: one cannot be used, or two are the same.
            KeyUnavailable: the KMS did not answer.
        """
        async with remote_keys.opened(self) as remote:
            signers = (*self.signers(), *remote)
            if len({signer.address for signer in signers}) < len(signers):
                raise SettingsInvalid(["CASHBACK_KEY_MORE_KMS_IDS is wrong: a key is named twice"])
            yield signers

    def account(self, index: int) -> keys.Signer:
        """Return one account of the mnemonic.

        Raises:
            SettingsInvalid: there is no mnemonic, or not one for this chain.
        """
        try:
            return keys.from_mnemonic(self.key_mnemonic.value, index=index, chain_id=self.chain_id)
        except KeyUnusable as cause:
            raise SettingsInvalid([f"CASHBACK_KEY_MNEMONIC is wrong: {cause.detail}"]) from cause


class LaneSettings(SigningSettings, frozen=True, kw_only=True):
    """The keys of an adapter, a lane each.

    These are keystore files, which all open with the one password, and keys in AWS KMS; or on a development chain
    `key_count` accounts of a mnemonic from `key_index` on.
    """

    key_index: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 1
    key_count: Annotated[int, msgspec.Meta(ge=1, le=LANES_MAX)] = 1
    key_more_keystores: Annotated[tuple[str, ...], msgspec.Meta(max_length=LANES_MAX - 1)] = ()
    key_more_kms_ids: Annotated[tuple[KmsId, ...], msgspec.Meta(max_length=LANES_MAX - 1)] = ()

    @property
    def kms_ids(self) -> tuple[str, ...]:
        """Return every key in a KMS, in the order of the settings."""
        return (*super().kms_ids, *self.key_more_kms_ids)

    def signers(self) -> tuple[keys.Signer, ...]:
        """Return the keys that this process holds itself, in the order of the settings.

        Raises:
            SettingsInvalid: one cannot be used, or two are the same.
        """
        if not self.key_keystore and not self.key_mnemonic.value:
            return ()
        if not self.key_keystore:
            return tuple(self.account(self.key_index + place) for place in range(self.key_count))
        more = [_opened("CASHBACK_KEY_MORE_KEYSTORES", one, self.key_password) for one in self.key_more_keystores]
        signers = (self.signer(), *more)
        if len({signer.address for signer in signers}) < len(signers):
            raise SettingsInvalid(["CASHBACK_KEY_MORE_KEYSTORES is wrong: a key is named twice"])
        return signers


def _opened(setting: str, keystore: str, password: Secret) -> keys.Signer:
    """Return the key of a keystore file.

    Raises:
        SettingsInvalid: it does not open.
    """
    try:
        return keys.from_keystore(Path(keystore), password.value)
    except KeyUnusable as cause:
        raise SettingsInvalid([f"{setting} is wrong: {cause.detail}"]) from cause


def address(text: str) -> Address:
    """Return hexadecimal text as an address."""
    return Address(bytes.fromhex(text.removeprefix("0x")))


def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the key and the fees does not go together; what is missing is wrong already, or not known."""
    if {"key_keystore", "key_mnemonic", "key_kms_id"} <= settings.keys():
        yield from _problems_of_key(settings)
    yield from _problems_of_lanes(settings)
    yield from remote_keys.contradictions(settings)
    caps = [settings[name] for name in ("tip_cap_wei", "fee_cap_wei") if name in settings]
    if "tip_floor_wei" in settings and any(settings["tip_floor_wei"] > cap for cap in caps):
        yield (
            "CASHBACK_TIP_FLOOR_WEI is wrong: the lowest tip can exceed neither CASHBACK_TIP_CAP_WEI nor "
            "CASHBACK_FEE_CAP_WEI, of which it is part"
        )


def _problems_of_lanes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the keys of further lanes, as far as that is seen without opening any."""
    keystore, more = settings.get("key_keystore", ""), settings.get("key_more_keystores", ())
    if keystore and settings.get("key_count", 1) > 1:
        yield "CASHBACK_KEY_COUNT is wrong: it counts accounts of a mnemonic; name CASHBACK_KEY_MORE_KEYSTORES instead"
    if more and not keystore:
        yield "CASHBACK_KEY_MORE_KEYSTORES is wrong: the first file is CASHBACK_KEY_KEYSTORE, and that is missing"
    for one in more if keystore else ():
        yield from _unreadable("CASHBACK_KEY_MORE_KEYSTORES", one)


def _unreadable(setting: str, keystore: str) -> Iterator[str]:
    """Yield why a keystore file cannot be read, if it cannot."""
    try:
        Path(keystore).open("rb").close()
    except OSError as cause:
        yield f"{setting} cannot be read: {cause.strerror}"


def lanes_of(settings: Mapping[str, Any]) -> int:
    """Return how many lanes an adapter has with these settings."""
    in_kms = bool(settings.get("key_kms_id")) + len(settings.get("key_more_kms_ids", ()))
    if in_kms and not settings.get("key_keystore"):
        return in_kms
    counted, files = int(settings.get("key_count", 1)), 1 + len(settings.get("key_more_keystores", ()))
    return in_kms + max(counted, files)


def _problems_of_key(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the key, as far as that is seen without opening a keystore, which takes a second."""
    keystore, mnemonic, kms = settings["key_keystore"], settings["key_mnemonic"].value, settings["key_kms_id"]
    # Lanes may have keys of both kinds; who deploys is one. A mnemonic stands alone: it names its lanes by their count.
    named = [bool(keystore or kms)] if "key_more_kms_ids" in settings else [bool(keystore), bool(kms)]
    chain_id: int | None = settings.get("chain_id")
    if sum([*named, bool(mnemonic)]) != 1:
        yield f"{_KEYS} is {'one too many' if any(named) else 'required'}"
    elif keystore:
        yield from _unreadable("CASHBACK_KEY_KEYSTORE", keystore)
    elif mnemonic and chain_id is not None:
        try:
            keys.from_mnemonic(mnemonic, index=0, chain_id=chain_id)
        except KeyUnusable as cause:
            yield f"CASHBACK_KEY_MNEMONIC is wrong: {cause.detail}"
