"""Who calls: known by the name in the client certificate, let in by a list, and let administer by another."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import msgspec
from grpclib.const import Status

from cashback.chain.rpc.errors import refused

ADMIN_SERVICE: Final = "/cashback.chain.v1.ChainAdminService/"
ANCHOR_SERVICE: Final = "/cashback.chain.v1.ChainAnchorService/"

_certificate: ContextVar[str | None] = ContextVar("certificate", default=None)


class Callers(msgspec.Struct, frozen=True):
    """The names that may call, those that may also administer the adapter, and those that may also anchor.

    `is_open` lets everybody do all of it.
    """

    clients: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset()
    anchorers: frozenset[str] = frozenset()
    is_open: bool = False

    def admit(self, certificate: Mapping[str, Any] | None, *, method: str) -> str | None:
        """Return the name under which the holder of a certificate may call a method, None where nobody is asked.

        Raises:
            GRPCError: PERMISSION_DENIED, with `caller_unknown`, `caller_no_admin` or `caller_no_anchorer`.
        """
        if self.is_open:
            return None
        names = list(_names(certificate or {}))
        everybody = self.clients | self.admins | self.anchorers
        allowed = everybody
        if method.startswith(ADMIN_SERVICE):
            allowed = self.admins
        elif method.startswith(ANCHOR_SERVICE):
            allowed = self.anchorers
        name = next((one for one in names if one in allowed), None)
        if name is not None:
            return name
        said = ", ".join(names) or "a certificate without a name"
        is_known = any(one in everybody for one in names)
        if is_known and method.startswith(ANCHOR_SERVICE):
            detail = f"{said} may not anchor; whose name may, is in CASHBACK_ADAPTER_ANCHORERS"
            raise refused(Status.PERMISSION_DENIED, code="caller_no_anchorer", detail=detail)
        if is_known:
            detail = f"{said} may not administer the adapter; whose name may, is in CASHBACK_ADAPTER_ADMINS"
            raise refused(Status.PERMISSION_DENIED, code="caller_no_admin", detail=detail)
        detail = f"{said} may not call; whose name may, is in CASHBACK_ADAPTER_CLIENTS"
        raise refused(Status.PERMISSION_DENIED, code="caller_unknown", detail=detail)


@contextmanager
def known_as(name: str | None) -> Iterator[None]:
    """Serve a call in the name of a certificate, None without one."""
    token = _certificate.set(name)
    try:
        yield
    finally:
        _certificate.reset(token)


def certificate() -> str | None:
    """Return the name in the certificate of whoever is being served."""
    return _certificate.get()


def _names(certificate: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of a certificate as `ssl.getpeercert` tells them: its DNS names, then its common name."""
    yield from (str(value) for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")
    for relative in certificate.get("subject", ()):
        yield from (str(value) for key, value in relative if key == "commonName")
