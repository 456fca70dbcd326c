"""Where something may be delivered: to public addresses of the internet, and to nothing that is near to us.

The ranges are those of IANA's registries of special-purpose addresses, written out: what Python calls global differs
between its releases.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from cashback.webhooks.model import URL_LENGTH_MAX

_NEAR_V4: Final = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's translation, and Alibaba's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's own, behind a public address
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols, and Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
"""All that is given out for the world; private, link-local, multicast and the clouds' fd00:ec2::254 lie outside."""

_NEAR_V6: Final = tuple(
    IPv6Network(one)
    for one in (
        "2001::/23",  # protocols: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
_LOOPBACK_V4: Final = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6: Final = IPv6Address("::1")
_V4_BITS: Final = 0xFFFF_FFFF
_LOCAL: Final = "localhost"


def may_connect(address: str, *, allow_loopback: bool) -> bool:
    """Tell whether a connection to an IP address may be made; what is no address may not, nor what names a link."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return is_public(parsed) or (allow_loopback and is_loopback(parsed))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address, and the IPv4 address that it carries if it does, is one of the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NEAR_V4)
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _TRANSLATED:
        return is_public(IPv4Address(int(address) & _V4_BITS))
    if address.sixtofour is not None:
        return is_public(address.sixtofour)
    return address in _GLOBAL_V6 and not any(address in network for network in _NEAR_V6)


def is_loopback(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is this machine itself: 127.0.0.0/8 or ::1, in no other spelling."""
    if isinstance(address, IPv4Address):
        return address in _LOOPBACK_V4
    return address == _LOOPBACK_V6 and address.scope_id is None


def problem_of_url(url: str, *, allow_loopback: bool) -> str | None:
    """Return what is wrong with the URL of an endpoint, None when nothing is.

    Names are not looked up here: where they lead is judged at every connection, and may change between two.
    """
    has_odd_signs = not url.isascii() or not url.isprintable() or any(sign in url for sign in ' \\"<>^`{|}')
    if not 1 <= len(url) <= URL_LENGTH_MAX or has_odd_signs:
        return f"a URL has at most {URL_LENGTH_MAX} characters, and only those of RFC 3986"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "this is no URL"
    if not host or port == 0:
        return "a URL names a host, and a port from 1 to 65535 if any"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "a URL has no user, no password and no fragment"
    return _problem_of_place(parts.scheme, host, allow_loopback=allow_loopback)


def _problem_of_place(scheme: str, host: str, *, allow_loopback: bool) -> str | None:
    """Return what is wrong with a scheme and a host, None when nothing is."""
    try:
        address = ip_address(host)
    except ValueError:
        is_here = host == _LOCAL
    else:
        is_here = is_loopback(address)
        if not may_connect(host, allow_loopback=allow_loopback):
            return "nothing is delivered to this address"
    if scheme == "https" or (scheme == "http" and allow_loopback and is_here):
        return None
    return "a URL begins with https://"
