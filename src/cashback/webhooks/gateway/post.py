"""Posting to an endpoint: once, within 15 s, with no redirect followed, no cookie, no proxy, and no connection kept.

url ──allowed?──▶ Names ──▶ Guard ──▶ TLS ──▶ POST ──▶ status ──▶ words ──▶ Answer(status, 1 KiB of them)
       └────────────────────────────┴── too late, or it failed ──▶ NoAnswer(why)        as far as they came

The connection is to the very address that was judged; the certificate is held against the name in the URL, not against
that address.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

import aiohttp
import msgspec

from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import forbid_in_transaction
from cashback.webhooks.gateway.guard import AddressForbidden, Guard, Names, addresses_tried
from cashback.webhooks.model import ANSWER_BYTES_MAX, Answer, NoAnswer

WITHIN_S: Final = 15.0
"""A try in all, from the first lookup to the last byte that is read of the answer."""

WORDS_WITHIN_S: Final = 3.0
"""How long an endpoint may take for its words once its status is here, within the time of the try."""

Judge: TypeAlias = Callable[[str], bool]
"""Tells whether a URL, or an IP address, may be delivered to."""

_MS_IN_S: Final = 1_000
_HEADER_BYTES_MAX: Final = 8_190
_STATUSES: Final = range(100, 600)
"""What RFC 9110, 15 knows; the parser lets any three digits pass."""

_WORDS_OF_OPENSSL: Final = {
    9: "certificate_expired",  # not yet valid
    10: "certificate_expired",
    18: "certificate_untrusted",  # signed by itself
    19: "certificate_untrusted",  # a root that we do not trust
    20: "certificate_untrusted",  # nobody knows who signed it
    21: "certificate_untrusted",  # its signature is of nobody known
    62: "certificate_other_name",
    64: "certificate_other_name",  # another IP address
}
"""What a certificate was refused for, by OpenSSL's numbers (x509_vfy.h)."""


class Sent(msgspec.Struct, frozen=True):
    """What came of a try, the address that it went to if it came so far, and how long it took."""

    outcome: Answer | NoAnswer
    address: str | None
    took_ms: int


class _Heard:
    """What an endpoint has said so far: the status is the answer, whatever becomes of the words, which the log has."""

    def __init__(self) -> None:
        """Have heard nothing."""
        self.status: int | None = None
        self.retry_after: str | None = None
        self.words = bytearray()

    @property
    def outcome(self) -> Answer | NoAnswer | None:
        """Return what came of the try; None while there is no status."""
        if self.status is None:
            return None
        if self.status not in _STATUSES:
            return NoAnswer("answer_malformed")
        return Answer(status=self.status, retry_after=self.retry_after, body=bytes(self.words[:ANSWER_BYTES_MAX]))


class Post:
    """Posts to endpoints, each try with a connection of its own."""

    def __init__(self, session: aiohttp.ClientSession, *, is_allowed: Judge, within_s: float) -> None:
        """Post by a session that `opened` made."""
        self._session = session
        self._is_allowed = is_allowed
        self._within_s = within_s

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        *,
        is_allowed: Judge,
        may_connect: Judge,
        names: Names | None = None,
        tls: ssl.SSLContext | None = None,
        within_s: float = WITHIN_S,
    ) -> AsyncIterator["Post"]:
        """Yield what posts to URLs and connects to addresses of which it is said that this may be.

        `names`, and whom `tls` trusts, are the system's when none are given.
        """
        connector = aiohttp.TCPConnector(
            socket_factory=Guard(may_connect),
            resolver=names or Names(),
            ssl=tls or True,
            use_dns_cache=False,
            force_close=True,
            # One address after the other, so that the last one tried is the one in use.
            happy_eyeballs_delay=None,
            limit=0,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("accept", "accept-encoding"),
            max_line_size=_HEADER_BYTES_MAX,
            max_field_size=_HEADER_BYTES_MAX,
        ) as session:
            yield cls(session, is_allowed=is_allowed, within_s=within_s)

    async def send(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Sent:
        """Return what came of one try; nothing that an endpoint does raises."""
        forbid_in_transaction("a webhook")
        began_s = monotonic_s()
        with addresses_tried() as tried:
            outcome = await self._outcome(url, headers=headers, body=body)
        address = tried[-1] if tried else None
        return Sent(outcome, address, int((monotonic_s() - began_s) * _MS_IN_S))

    async def _outcome(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer | NoAnswer:
        """Return the answer, or the word for why there is none."""
        # What was allowed when it was made may be so no more.
        if not self._is_allowed(url):
            return NoAnswer("url_forbidden")
        heard = _Heard()
        try:
            async with asyncio.timeout(self._within_s):
                await self._listen(heard, url, headers=headers, body=body)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            # Whatever happens once the status is here, the try is answered: else it would be made again.
            return heard.outcome or NoAnswer(_word_for(failure))
        return heard.outcome or NoAnswer("no_answer")

    async def _listen(self, heard: _Heard, url: str, *, headers: Mapping[str, str], body: bytes) -> None:
        """Post, and note what the endpoint says as it comes, no more of it than is kept."""
        async with self._session.post(
            url, data=body, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=None)
        ) as response:
            heard.status, heard.retry_after = response.status, response.headers.get("retry-after")
            if response.status not in _STATUSES:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(WORDS_WITHIN_S):
                    while len(heard.words) < ANSWER_BYTES_MAX:
                        more = await response.content.read(ANSWER_BYTES_MAX)
                        if not more:
                            break
                        heard.words += more


def _word_for(failure: Exception) -> str:
    """Return the word of ours for why there was no answer; what a library says may change."""
    match failure:
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return _word_for_tls(failure)
        case aiohttp.ClientConnectorDNSError():
            return "name_unknown"
        case aiohttp.ClientConnectorError(os_error=cause) if _is_forbidden(cause):
            return "address_forbidden"
        case aiohttp.ClientConnectorError():
            return "not_connected"
        case _:
            return "no_answer"


def _word_for_tls(failure: Exception) -> str:
    """Return why there is no secure connection: what the certificate was refused for, if that is it."""
    match failure:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as cause):
            return _WORDS_OF_OPENSSL.get(cause.verify_code, "certificate_invalid")
        case _:
            return "tls_failed"


def _is_forbidden(cause: OSError) -> bool:
    """Tell whether a connection failed because of the guard; of several addresses' failures, one is enough."""
    return isinstance(cause, AddressForbidden) or "nothing is delivered" in str(cause)
