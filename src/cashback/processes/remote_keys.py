"""Keys that another house keeps: which ones, where it is, and what of that does not go together."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

from cashback.chain.gateway.keys import Signer
from cashback.chain.model import KeyUnusable
from cashback.kernel.config import HttpUrl, SettingsInvalid, Shape

KmsId: TypeAlias = Annotated[str, Shape(r"[A-Za-z0-9:/_-]{1,2048}", "a key's id, its ARN, or alias/NAME")]

_LOCAL: frozenset[str | None] = frozenset({"127.0.0.1", "::1", "localhost"})


class KmsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A key in AWS KMS: an asymmetric one for signing, on ECC_SECG_P256K1.

    Region and endpoint are the machine's own where they are empty, as its credentials always are. A signature may take
    `key_kms_timeout_ms`, all repeats included: what takes longer is given up before others may take the same mints.
    """

    key_kms_id: KmsId = ""
    key_kms_region: str = ""
    key_kms_endpoint: HttpUrl = ""
    key_kms_timeout_ms: Annotated[int, msgspec.Meta(ge=150, le=4_000)] = 2_000

    @property
    def kms_ids(self) -> tuple[str, ...]:
        """Return every key in a KMS."""
        return (self.key_kms_id,) if self.key_kms_id else ()


def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the keys in a KMS does not go together."""
    if settings.get("key_more_kms_ids") and not settings.get("key_kms_id"):
        yield "CASHBACK_KEY_MORE_KMS_IDS is wrong: the first key is CASHBACK_KEY_KMS_ID, and that is missing"
    endpoint = urlsplit(settings.get("key_kms_endpoint", ""))
    if endpoint.scheme == "http" and endpoint.hostname not in _LOCAL:
        yield "CASHBACK_KEY_KMS_ENDPOINT is wrong: beyond this machine it must be https://, or anybody could answer"


@asynccontextmanager
async def opened(settings: KmsSettings) -> AsyncIterator[tuple[Signer, ...]]:
    """Yield the keys in a KMS, each tried; none, and nothing loaded for it, when none is named.

    Raises:
        SettingsInvalid: one cannot be used; it says what to do.
        KeyUnavailable: the KMS did not answer.
    """
    if not settings.kms_ids:
        yield ()
        return
    try:
        # Imported here: an extra of the installation, and half a second that nobody else waits for.
        from cashback.chain.gateway.kms import Kms  # noqa: PLC0415 - optional, and dear
    except ImportError as cause:
        problem = "CASHBACK_KEY_KMS_ID needs what is not installed: pip install 'cashback[kms]'"
        raise SettingsInvalid([problem]) from cause
    async with AsyncExitStack() as stack:
        signers: list[Signer] = []
        setting = "CASHBACK_KEY_KMS_ID"
        try:
            kms = await stack.enter_async_context(
                Kms.open(
                    region=settings.key_kms_region,
                    endpoint=settings.key_kms_endpoint,
                    timeout_s=settings.key_kms_timeout_ms / 1_000,
                )
            )
            for key_id in settings.kms_ids:
                signers.append(await kms.key(key_id))
                setting = "CASHBACK_KEY_MORE_KMS_IDS"
        except KeyUnusable as cause:
            raise SettingsInvalid([f"{setting} is wrong: {cause.detail}"]) from cause
        yield tuple(signers)
