"""Where the broker is, and as whom a process comes to it: settings, and the connection that they make.

    process: NATS_URL, _USER, _PASSWORD ──plain, or TLS 1.3 with NATS_TLS_CERT, _KEY, _CA──▶ broker
             _INBOX.<user>.>           ◀──answers to it alone──────────────────────────────┘

Whoever asks is answered under a subject of its user's own, so that no other user has to be allowed to read it.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec.structs import replace

from cashback.kernel.bus import DEAD_LETTERS, EVENTS, Bus, Stream
from cashback.kernel.config import NatsUrl, Secret
from cashback.processes.tls import client_context, problems

REPLICAS_MAX: Final = 5
"""Of a stream, as JetStream has it."""

_INBOX: Final = "_INBOX"
_NO_TOKEN: Final = re.compile(r"[^A-Za-z0-9_-]")

BYTES_MIN: Final = 64 * 1024**2
"""Of a stream: some twenty thousand purchases."""

AGE_MIN_S: Final = 3_600
"""Of a stream, which is more than the window in which it drops repeated messages."""

StreamBytes = Annotated[int, msgspec.Meta(ge=BYTES_MIN, le=2**50)]
StreamSeconds = Annotated[int, msgspec.Meta(ge=AGE_MIN_S, le=366 * 86_400)]
Replicas = Annotated[int, msgspec.Meta(ge=1, le=REPLICAS_MAX)] | Literal["auto"]


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker's servers are, whom they let in, and on how many of them a stream is.

    `auto` is three in a cluster, one on a server that stands alone. A stream refuses events beyond its bytes and drops
    none before its age, so the one has to last for the other: docs/runbooks/broker_down.md has the arithmetic.

    The files are PEM: this process's certificate and key, and the authority that it knows the broker by, all three or
    none.
    """

    nats_url: NatsUrl
    nats_user: str = ""
    nats_password: Secret = Secret("")
    nats_tls_cert: str = ""
    nats_tls_key: str = ""
    nats_tls_ca: str = ""
    stream_replicas: Replicas = "auto"
    stream_bytes_max: StreamBytes = EVENTS.bytes_max
    stream_age_max_s: StreamSeconds = EVENTS.age_max_s
    dead_letters_bytes_max: StreamBytes = DEAD_LETTERS.bytes_max
    dead_letters_age_max_s: StreamSeconds = DEAD_LETTERS.age_max_s

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what of the files of TLS is missing or cannot be used."""
        yield from problems("NATS_TLS", settings)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Return the streams as they are to be."""
        return (
            replace(EVENTS, bytes_max=self.stream_bytes_max, age_max_s=self.stream_age_max_s),
            replace(DEAD_LETTERS, bytes_max=self.dead_letters_bytes_max, age_max_s=self.dead_letters_age_max_s),
        )

    @property
    def nats_tls(self) -> ssl.SSLContext | None:
        """Return how to come to the broker; None means in plain text."""
        return client_context(cert=self.nats_tls_cert, key=self.nats_tls_key, ca=self.nats_tls_ca, alpn=())


class BrokerAndAdapterSettings(BrokerSettings, frozen=True, kw_only=True):
    """The same, and how to call the adapter: `tls.ClientTls` beside it, which no struct can be made of as well."""

    client_tls_cert: str = ""
    client_tls_key: str = ""
    client_tls_ca: str = ""

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what of both kinds of files is missing or cannot be used."""
        yield from BrokerSettings.contradictions(settings)
        yield from problems("CLIENT_TLS", settings)

    @property
    def client_tls(self) -> ssl.SSLContext | None:
        """Return how to call the adapter; None means in plain text."""
        return client_context(cert=self.client_tls_cert, key=self.client_tls_key, ca=self.client_tls_ca)


def broker_of(settings: BrokerSettings, name: str) -> AbstractAsyncContextManager[Bus]:
    """Return the connection to the broker of the process `name`, which is its name in the broker's list of them."""
    return Bus.connect(
        settings.nats_url,
        name=name,
        user=settings.nats_user,
        password=settings.nats_password.value,
        tls=settings.nats_tls,
        inbox_prefix=inbox_prefix(settings.nats_user),
        replicas=settings.stream_replicas,
        streams=settings.streams,
    )


def inbox_prefix(user: str) -> str:
    """Return the subject under which a user of the broker is answered; what no subject may hold becomes `_`."""
    return f"{_INBOX}.{_NO_TOKEN.sub('_', user)}" if user else _INBOX
