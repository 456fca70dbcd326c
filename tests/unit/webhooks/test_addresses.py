"""Where something may be delivered, address by address and URL by URL."""

from ipaddress import ip_address

import pytest

from cashback.webhooks.rules.addresses import is_public, may_connect, problem_of_url

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1",
    "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
]  # fmt: skip
NEAR = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it, it is judged
    "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:a00:1::1",
    "2002:7f00:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "3fff::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "100::1", "5f00::1", "4000::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_given_out_for_the_world_may_be_delivered_to(address: str) -> None:
    """Right up to the ranges that may not."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NEAR)
def test_what_is_near_to_us_may_not(address: str) -> None:
    """Private, loopback, link-local, metadata, multicast, and an IPv6 address that carries one of these."""
    assert not is_public(ip_address(address))
    assert not may_connect(address, allow_loopback=False)


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700::1%1", "localhost", "", "1.1", "0x7f.1", "2130706433"])
def test_what_is_no_address_of_the_world_is_none(address: str) -> None:
    """A scope names a link, and other spellings of an address are none."""
    assert not may_connect(address, allow_loopback=True)


def test_development_may_allow_this_machine_and_nothing_else() -> None:
    """By an explicit setting: two loopbacks in their own spelling, out of all that is near."""
    allowed = {address for address in NEAR if may_connect(address, allow_loopback=True)}
    assert allowed == {"127.0.0.1", "127.255.255.254", "::1"}


@pytest.mark.parametrize(
    "url",
    ["https://shop.example/hooks?x=1", "https://shop.example:8443", "https://8.8.8.8/", "https://[2606:4700::1]/"],
)
def test_a_url_of_https_to_anywhere_public_is_taken(url: str) -> None:
    """A name is judged where it leads to, when it is connected to."""
    assert problem_of_url(url, allow_loopback=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "http://shop.example/", "ftp://shop.example", "//shop.example", "https://", "https:///path",
        "https://me@shop.example", "https://me:word@shop.example", "https://shop.example/#part", "https://10.0.0.1/",
        "https://[::1]/", "https://[fe80::1%25eth0]/", "https://shop.example:0/", "https://shop.example:99999/",
        "https://shop.example/a b", "https://shop.example/\r\nx: y", "https://shöp.example/", "https://shop\\@me/",
        "https://shop.example/" + "a" * 2_048, "http://127.0.0.1/", "http://localhost/",
    ],
)  # fmt: skip
def test_any_other_url_is_refused(url: str) -> None:
    """With words for a person."""
    assert problem_of_url(url, allow_loopback=False)


def test_plain_http_is_for_this_machine_and_for_development() -> None:
    """And not for others, even there."""
    for url in ("http://127.0.0.1:8000/", "http://localhost:8000/", "http://[::1]/", "https://127.0.0.1/"):
        assert problem_of_url(url, allow_loopback=True) is None
    for url in ("http://shop.example/", "http://10.0.0.1/", "https://10.0.0.1/", "http://8.8.8.8/"):
        assert problem_of_url(url, allow_loopback=True)
