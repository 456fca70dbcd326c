"""Endpoints by https: who they are is proved by their certificate, for the name in the URL and not for an address."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cashback.kernel.config import SettingsInvalid, load
from cashback.processes import webhook_worker
from cashback.processes.webhook_settings import trusting
from tests.integration.webhooks.world import Shop, World, eventually, leading, open_shop, refunded
from tests.support.certificates import Authority, Certificate

NAME = "shop.test"
"""Nobody but these tests knows where it leads."""


@asynccontextmanager
async def shop_with(certificate: Certificate) -> AsyncIterator[tuple[Shop, list[str | None]]]:
    """Give a shop that shows a certificate, and the list of names that it is called by."""
    called: list[str | None] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert, certificate.key)
    context.sni_callback = lambda _connection, name, _context: called.append(name)
    async with open_shop(tls=context) as shop:
        yield shop, called


async def test_an_endpoint_is_known_by_its_certificate_and_the_address_by_the_guard(
    world: World, tmp_path: Path
) -> None:
    """The connection is to the address that was judged, and TLS and the request are told the name.

    Were the name looked up a second time, it would lead inside.
    """
    authority = Authority(tmp_path / "authority")
    certificate = authority.sign(NAME)
    async with shop_with(certificate) as (shop, called):
        endpoint = await world.endpoint(host=NAME, shop=shop)
        await world.take(refunded())
        async with world.delivering(names=leading("127.0.0.1", "10.0.0.1"), tls=trusting(certificate.ca)):
            await eventually(lambda: world.are("delivered"))
    [got] = shop.got
    assert called == [NAME]
    assert got.headers["Host"] == f"{NAME}:{shop.port}"
    assert got.is_signed_with(await world.secret(endpoint))
    assert world.rows("select host(address), status, error from webhooks.attempts") == [("127.0.0.1", 204, None)]


async def test_a_certificate_of_an_authority_that_is_not_trusted_is_refused(world: World, tmp_path: Path) -> None:
    """By those of the system without the setting, and by another authority than that of the setting."""
    ours, stranger = Authority(tmp_path / "ours").sign(NAME), Authority(tmp_path / "stranger").sign(NAME)
    async with shop_with(stranger) as (shop, _):
        await world.endpoint(host=NAME, shop=shop)
        await world.take(refunded())
        for number, bundle in enumerate(("", ours.ca), start=1):
            async with world.delivering(names=leading("127.0.0.1"), tls=trusting(bundle)):
                await world.tried(number)
            world.hasten()
    assert shop.got == []
    assert (
        world.rows("select host(address), status, error from webhooks.attempts")
        == [("127.0.0.1", None, "certificate_untrusted")] * 2
    )


async def test_a_certificate_for_another_name_is_refused_even_if_it_has_the_address(
    world: World, tmp_path: Path
) -> None:
    """It is for this very address, `localhost` and a name of its own: whoever calls by another name does not go on."""
    certificate = Authority(tmp_path / "authority").sign(NAME)
    async with shop_with(certificate) as (shop, called):
        await world.endpoint(host="other.test", shop=shop)
        await world.take(refunded())
        async with world.delivering(names=leading("127.0.0.1"), tls=trusting(certificate.ca)):
            await world.tried(1)
    assert (shop.got, called) == ([], ["other.test"])
    assert world.rows("select host(address), error from webhooks.attempts") == [("127.0.0.1", "certificate_other_name")]


async def test_a_certificate_whose_time_is_over_is_refused_and_what_speaks_no_tls_as_well(
    world: World, tmp_path: Path
) -> None:
    """Each with its own word in the log."""
    authority = Authority(tmp_path / "authority")
    trusted = authority.sign("trusted").ca
    async with shop_with(authority.sign(NAME, days=-1)) as (shop, _):
        await world.endpoint("/over", host=NAME, shop=shop)
        plain = await world.endpoint("/plain", host=NAME, shop=shop)
        world.rows(
            "update webhooks.endpoints set url = %s where id = %s", f"https://{NAME}:{world.shop.port}/", plain.id
        )
        await world.take(refunded())
        async with world.delivering(names=leading("127.0.0.1"), tls=trusting(trusted)):
            await world.tried(2)
    assert shop.got == world.shop.got == []
    assert sorted(row[0] for row in world.rows("select error from webhooks.attempts")) == [
        "certificate_expired",
        "tls_failed",
    ]


def test_a_bundle_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    """A file that is not there, and one that holds no certificate."""
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    absent = tmp_path / "absent.pem"
    for path, words in ((absent, "No such file or directory"), (empty, "the file holds no certificate in PEM")):
        with pytest.raises(SettingsInvalid) as caught:
            load(webhook_worker.Settings, {"CASHBACK_WEBHOOK_TLS_CA": str(path)})
        assert f"CASHBACK_WEBHOOK_TLS_CA cannot be used: {words}" in caught.value.problems
