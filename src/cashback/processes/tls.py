"""Who may call the adapter: certificates on both sides (mTLS), as settings and as what OpenSSL makes of them.

    caller: CLIENT_TLS_CERT, _KEY, _CA ──TLS 1.3──▶ adapter: ADAPTER_TLS_CERT, _KEY, _CA, and who is let in by name:
                                                             ADAPTER_CLIENTS, ADAPTER_ADMINS, ADAPTER_ANCHORERS

Without any of it the channel is plain text, which the adapter takes on a loopback address only.
"""

import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import msgspec

_ALPN: Final = ("h2",)


class ClientTls(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's certificate and key, and the authority that it knows the adapter by: PEM files, all three or none."""

    client_tls_cert: str = ""
    client_tls_key: str = ""
    client_tls_ca: str = ""

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what of the files is missing or cannot be used."""
        yield from problems("CLIENT_TLS", settings)

    @property
    def client_tls(self) -> ssl.SSLContext | None:
        """Return how to call the adapter; None means in plain text."""
        return client_context(cert=self.client_tls_cert, key=self.client_tls_key, ca=self.client_tls_ca)


def client_context(*, cert: str, key: str, ca: str, alpn: Sequence[str] = _ALPN) -> ssl.SSLContext | None:
    """Return how to call whoever shows a certificate of the authority `ca`, speaking `alpn`. None is plain text."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, cert=cert, key=key, ca=ca, alpn=alpn) if cert else None


def server_context(*, cert: str, key: str, ca: str) -> ssl.SSLContext | None:
    """Return how the adapter is called: by nobody without a certificate of the authority `ca`. None is plain text."""
    if not cert:
        return None
    context = _context(ssl.PROTOCOL_TLS_SERVER, cert=cert, key=key, ca=ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def server_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the adapter's address, certificates and lists of names does not go together."""
    yield from problems("ADAPTER_TLS", settings)
    host = settings.get("adapter_host", "")
    is_tls, is_known = bool(settings.get("adapter_tls_cert")), bool(settings.get("adapter_clients"))
    if is_tls and not is_known:
        yield "CASHBACK_ADAPTER_CLIENTS is required with CASHBACK_ADAPTER_TLS_CERT: the names that may call"
    if not is_tls and host and not _is_loopback(host):
        yield (
            f"CASHBACK_ADAPTER_HOST is wrong: whoever reaches {host} could mint, so callers must be known. "
            "Set CASHBACK_ADAPTER_TLS_CERT, CASHBACK_ADAPTER_TLS_KEY, CASHBACK_ADAPTER_TLS_CA and "
            "CASHBACK_ADAPTER_CLIENTS, or bind to 127.0.0.1"
        )
    if not is_tls and (is_known or settings.get("adapter_admins") or settings.get("adapter_anchorers")):
        yield (
            "CASHBACK_ADAPTER_CLIENTS, CASHBACK_ADAPTER_ADMINS and CASHBACK_ADAPTER_ANCHORERS name certificates: "
            "set CASHBACK_ADAPTER_TLS_CERT"
        )


def problems(prefix: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with three files: one is missing, unreadable, no PEM, or the key of another certificate."""
    files = {part: str(settings.get(f"{prefix.lower()}_{part}", "")) for part in ("cert", "key", "ca")}
    if not any(files.values()):
        return
    missing = [part for part, path in files.items() if not path]
    yield from (f"CASHBACK_{prefix}_{part.upper()} is required with the other two" for part in missing)
    if missing:
        return
    try:
        _context(ssl.PROTOCOL_TLS_SERVER, **files)
    except OSError as cause:
        # SSLError is one, too, and OpenSSL does not say which of the files it was about.
        yield f"CASHBACK_{prefix}_CERT, _KEY or _CA cannot be used: {_why_unusable(cause, files.values())}"


def _why_unusable(cause: OSError, files: Iterable[str]) -> str:
    """Return which of the files cannot be read, or else what they are not."""
    for file in files:
        try:
            Path(file).open("rb").close()
        except OSError as unread:
            return f"{file}: {unread.strerror}"
    is_foreign = isinstance(cause, ssl.SSLError) and cause.reason == "KEY_VALUES_MISMATCH"
    return "the key is another certificate's" if is_foreign else "one of them is not what it must be, in PEM"


def _context(protocol: int, *, cert: str, key: str, ca: str, alpn: Sequence[str] = _ALPN) -> ssl.SSLContext:
    """Return a TLS 1.3 context that shows one certificate and trusts one authority.

    Raises:
        OSError: a file cannot be read or is not what it must be.
    """
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone; of names only `localhost` is known to be."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
