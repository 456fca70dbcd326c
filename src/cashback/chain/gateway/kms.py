"""A signer whose key is in AWS KMS, and never anywhere else: this process knows its address and asks for signatures.

    key id ──GetPublicKey──▶ address ──Sign, once, of no transaction──▶ a signer that works
    digest ──Sign──▶ DER ──▶ r, low s ──recover──▶ is it our address? v : refused

What the service answers is believed only as far as it is checked: a signature that is not the key's own is never used.
Credentials are the machine's (environment, files, web identity, container or instance), found and renewed by the
library. No key is exchanged for another: a service that is away makes its lane wait, and nothing was reserved for it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError
from coincurve import PublicKey
from eth_utils.crypto import keccak

from cashback.chain.gateway.der import point, signature
from cashback.chain.model import Address, KeyRefused, KeyUnavailable, KeyUnusable, Signature
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import forbid_in_transaction
from cashback.kernel.telemetry import logger
from cashback.kernel.unreached import ENDED, UNREADABLE, why_unreached

REQUESTS_IN_FLIGHT_MAX: Final = 16
"""By all lanes of a process: four lanes that sign four attempts each; others wait their turn, within their deadline."""
PAUSES_S: Final = (0.1, 0.3)
"""Before the service is asked again for a signature, when it is throttled or fails."""
ATTEMPTS_MAX: Final = 1 + len(PAUSES_S)
REST_FIRST_S: Final = 0.25
REST_MAX_S: Final = 4.0
"""After a failure a key is left alone for this long; doubling from the first to the most while it fails."""

_REST_DOUBLINGS_MAX: Final = 8
_ADDRESS_BYTES: Final = 20
_ALGORITHM: Final = "ECDSA_SHA_256"
_TRIAL: Final = bytes(keccak(b"cashback signs this at its start, and it is no transaction"))
Call: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]

_FAILURES: Final = (BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError, ValueError, KeyError, TypeError)

_CREDENTIALS: Final = (
    "the credentials of this machine are refused: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine"
    " a role"
)
_REMEDIES: Final[Mapping[str, str]] = {
    "AccessDeniedException": "access is denied: allow kms:GetPublicKey and kms:Sign on this key to the adapter's role",
    "DisabledException": "the key is disabled: enable it, or name another",
    "ExpiredTokenException": _CREDENTIALS,
    "IncompleteSignatureException": _CREDENTIALS,
    "InvalidArnException": "that is no key's ARN",
    "InvalidClientTokenId": _CREDENTIALS,
    "InvalidKeyUsageException": "the key is not for signing: make one with KeyUsage SIGN_VERIFY",
    "InvalidSignatureException": _CREDENTIALS + "; a clock that is minutes wrong does the same",
    "KMSInvalidStateException": "the key is about to be deleted or not made yet: cancel its deletion, or name another",
    "MissingAuthenticationTokenException": _CREDENTIALS,
    "NotFoundException": "there is no such key: look at its id, and at CASHBACK_KEY_KMS_REGION",
    "UnrecognizedClientException": _CREDENTIALS,
    "UnsupportedOperationException": "the key is not for signing: make one with KeySpec ECC_SECG_P256K1",
    "ValidationException": "that is no key's id, ARN or alias",
}
"""What a person has to do, by the service's error code. Its own words stay out: they may quote what was sent."""

_UNUSABLE: Final[Mapping[type[Exception], str]] = {
    ConfigNotFound: "the file that AWS_CONFIG_FILE names is not there",
    ConfigParseError: "one of its files is not written as it must be: see AWS_CONFIG_FILE, ~/.aws",
    InvalidRegionError: "the region is none: see CASHBACK_KEY_KMS_REGION, AWS_DEFAULT_REGION",
    ProfileNotFound: "the profile that AWS_PROFILE names is not there",
    ValueError: "the endpoint is no URL: see CASHBACK_KEY_KMS_ENDPOINT, AWS_ENDPOINT_URL",
}
"""What of the machine's own settings cannot be used, by the library's error."""
_ANYTHING: Final = "see its variables AWS_* and its files in ~/.aws"

log = logger(__name__)


class Kms:
    """The service, in one region; any number of keys share its connections."""

    def __init__(self, client: Any, *, timeout_s: float) -> None:  # noqa: ANN401  # the library carries no types
        """Ask by `client`, and wait at most `timeout_s` for a signature, all repeats included."""
        self._client = client
        self._timeout_s = timeout_s

    @classmethod
    @asynccontextmanager
    async def open(cls, *, region: str, endpoint: str, timeout_s: float) -> AsyncIterator["Kms"]:
        """Yield the service in `region`, at `endpoint`; what is empty is the machine's own setting.

        Raises:
            KeyUnusable: nobody says which region, or what the machine says cannot be used.
        """
        config = AioConfig(
            connect_timeout=timeout_s / ATTEMPTS_MAX,
            # A slow answer is one all the same: the deadline alone ends the waiting for it.
            read_timeout=timeout_s,
            max_pool_connections=REQUESTS_IN_FLIGHT_MAX,
            # The library's own repeats pause for up to two seconds, which is all the time there is.
            retries={"total_max_attempts": 1},
        )
        async with AsyncExitStack() as stack:
            made = get_session().create_client(
                "kms", region_name=region or None, endpoint_url=endpoint or None, config=config
            )
            try:
                client = await stack.enter_async_context(made)
            except NoRegionError as cause:
                raise KeyUnusable("no region is known: set CASHBACK_KEY_KMS_REGION") from cause
            except (BotoCoreError, ValueError) as cause:
                raise KeyUnusable(f"this machine's settings for AWS cannot be used: {_mend(cause)}") from cause
            yield cls(client, timeout_s=timeout_s)

    async def key(self, key_id: str) -> "KmsKey":
        """Return the signer of a key's id, ARN or alias, after it has signed something that is no transaction.

        An alias is followed once: what it points to later is another key.

        Raises:
            KeyUnusable: it is not one that can sign here; a person has to change something.
            KeyUnavailable: the service did not answer.
        """
        try:
            told = await self._ask(lambda: self._client.get_public_key(KeyId=key_id))
            if (told["KeySpec"], told["KeyUsage"]) != ("ECC_SECG_P256K1", "SIGN_VERIFY"):
                raise KeyUnusable(
                    f"the key is {told['KeySpec']} for {told['KeyUsage']}: make one with KeySpec ECC_SECG_P256K1 and"
                    " KeyUsage SIGN_VERIFY"
                )
            signer = KmsKey(self, key_id=str(told["KeyId"]), public=PublicKey(point(told["PublicKey"])))
            await signer.sign(_TRIAL)
        except KeyRefused as refusal:
            raise KeyUnusable(refusal.detail) from refusal
        except (KeyError, TypeError, ValueError) as cause:
            raise KeyUnavailable("the key service answered with what is no public key") from cause
        log.info("kms_key.opened", signer=f"0x{signer.address.hex()}")
        return signer

    async def sign(self, key_id: str, digest: bytes) -> bytes:
        """Return the service's signature of a digest of 32 bytes, in DER, unchecked.

        Raises:
            KeyRefused: not before a person has changed something.
            KeyUnavailable: the service did not answer in time, or not as it should.
        """
        forbid_in_transaction("a key service")
        asked = {"KeyId": key_id, "Message": digest, "MessageType": "DIGEST", "SigningAlgorithm": _ALGORITHM}
        told = await self._ask(lambda: self._client.sign(**asked))
        return bytes(told.get("Signature") or b"")

    async def _ask(self, call: Call) -> Mapping[str, Any]:
        """Return what the service answers, asked again after a pause when it is throttled or fails.

        Raises:
            As `sign`.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                for pause_s in PAUSES_S:
                    try:
                        return await _said(call())
                    except KeyRefused:
                        raise
                    except KeyUnavailable as failure:
                        log.info("kms_call.repeated", problem=failure.detail)
                    await asyncio.sleep(pause_s)
                return await _said(call())
        except TimeoutError as cause:
            raise KeyUnavailable(f"the key service did not answer within {self._timeout_s:g} s") from cause


class KmsKey:
    """One key of the service."""

    def __init__(self, kms: Kms, *, key_id: str, public: PublicKey) -> None:
        """Sign with the key whose public half is `public`."""
        self._kms = kms
        self._key_id = key_id
        self._public = public.format(compressed=False)
        self._failures = 0
        self._last_failure: KeyUnavailable | None = None
        self._rests_until_s = 0.0
        self.address: Address = Address(bytes(keccak(self._public[1:]))[-_ADDRESS_BYTES:])

    def __repr__(self) -> str:
        """Return the address alone."""
        return f"KmsKey(0x{self.address.hex()})"

    async def sign(self, digest: bytes) -> Signature:
        """Return a signature of 32 bytes, with low s; signing twice is harmless, and gives two signatures.

        Raises:
            KeyRefused: not before a person has changed something.
            KeyUnavailable: the service did not answer, or not with a signature of this key. As either, for a while
                after a failure, without asking.
        """
        if self._last_failure is not None and monotonic_s() < self._rests_until_s:
            raise type(self._last_failure)(self._last_failure.detail)
        try:
            der = await self._kms.sign(self._key_id, digest)
            own = _checked(der, digest=digest, public=self._public)
        except KeyUnavailable as failure:
            self._rest(failure)
            raise
        self._failures = 0
        return own

    def _rest(self, failure: KeyUnavailable) -> None:
        """Leave the service alone for a while that doubles each time; what fails beside that is no further time."""
        if monotonic_s() < self._rests_until_s:
            return
        self._last_failure = failure
        rest_s = min(REST_FIRST_S * 2 ** min(self._failures, _REST_DOUBLINGS_MAX), REST_MAX_S)
        self._rests_until_s = monotonic_s() + rest_s
        self._failures += 1


async def _said(call: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return one answer of the service, and turn every way in which it fails into two.

    Raises:
        KeyRefused: not before a person has changed something.
        KeyUnavailable: it may answer later.
    """
    try:
        return await call
    except ClientError as cause:
        code = str(cause.response.get("Error", {}).get("Code", ""))[:80]
        if code in _REMEDIES:
            raise KeyRefused(_REMEDIES[code]) from cause
        raise KeyUnavailable(f"the key service failed: {code}") from cause
    except (NoCredentialsError, PartialCredentialsError) as cause:
        raise KeyRefused(_CREDENTIALS) from cause
    except _FAILURES as cause:
        is_odd = isinstance(cause, (ResponseParserError, ValueError, KeyError, TypeError))
        why = why_unreached(cause) or (UNREADABLE if is_odd else ENDED)
        raise KeyUnavailable(f"the key service did not answer: {why}") from cause


def _mend(cause: BotoCoreError | ValueError) -> str:
    """Return what of the machine's settings is to be mended; the library's own words may quote what stands there."""
    return next((words for kind, words in _UNUSABLE.items() if isinstance(cause, kind)), _ANYTHING)


def _checked(der: bytes, *, digest: bytes, public: bytes) -> Signature:
    """Return the key's own signature of `digest`.

    Raises:
        KeyUnavailable: the service answered with something else.
    """
    try:
        return signature(der, digest=digest, public=public)
    except ValueError as cause:
        raise KeyUnavailable(f"the key service answered with {cause}") from cause
