"""Whom a client takes for the server: certificates are read where they are needed, and nowhere else."""

import ssl
from unittest.mock import Mock

import pytest

from cashback.client import AsyncClient, Client

PLAIN = "http://api.example.com"
OVER_TLS = "https://api.example.com"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Give what is called when certificates of authorities are read."""
    reading = Mock()
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", reading)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", reading)
    return reading


async def test_over_plain_http_no_certificates_are_read(read: Mock) -> None:
    """It takes longer than a call, and a verb makes one call."""
    with Client(PLAIN, "key"):
        pass
    async with AsyncClient(PLAIN, "key"):
        pass
    assert not read.called


async def test_over_tls_they_are(read: Mock) -> None:
    """Both kinds verify whom they call."""
    with Client(OVER_TLS, "key"):
        pass
    assert read.call_count == 1
    async with AsyncClient(OVER_TLS, "key"):
        pass
    assert read.call_count == 2
