"""Who may call the adapter: only whose certificate has a name on the list, and at the halt switch only an admin's."""

import ssl
from pathlib import Path

import msgspec
import pytest

from cashback.chain.gateway.adapter import Adapter
from cashback.chain.model import AdapterRefused, AdapterUnavailable, Person
from cashback.chain.rpc.server import Door
from cashback.ledger import gateway as ledger
from cashback.ledger.model import AnchorRefused
from cashback.minting import gateway as minting
from cashback.minting.model import AdapterRefused as MintingRefused
from cashback.processes import adapter, chain_status
from cashback.processes.embedded import free_port
from cashback.processes.tls import ClientTls
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import assembled
from tests.integration.chain.test_process import process
from tests.support.certificates import Authority, Certificate


class World(msgspec.Struct, frozen=True):
    """An adapter's door for `worker-mint`, `api`, an admin and an anchorer, and the authority behind it."""

    authority: Authority
    door: Door


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Give the door."""
    authority = Authority(tmp_path_factory.mktemp("tls") / "authority")
    own = authority.sign("adapter")
    return World(authority, door_of(own))


def door_of(own: Certificate) -> Door:
    """Return the door of an adapter with a certificate of its own."""
    settings = adapter.Settings(
        chain_dsn=None,  # type: ignore[arg-type]  # only the door is looked at
        rpc_urls=(),
        chain_id=1,
        token_address="",
        minter_address="",
        probe_port=1,
        adapter_tls_cert=own.cert,
        adapter_tls_key=own.key,
        adapter_tls_ca=own.ca,
        adapter_clients=("worker-mint", "api"),
        adapter_admins=("alice",),
        adapter_anchorers=("worker-ledger",),
    )
    return settings.door


def shown(certificate: Certificate) -> ssl.SSLContext:
    """Return how to call with a certificate."""
    context = ClientTls(
        client_tls_cert=certificate.cert, client_tls_key=certificate.key, client_tls_ca=certificate.ca
    ).client_tls
    assert context is not None
    return context


async def test_a_caller_on_the_list_is_served_by_each_gateway(settings: adapter.Settings, world: World) -> None:
    """Minting's, the ledger's and the operator's client speak TLS with a certificate of their own."""
    tls = shown(world.authority.sign("api"))
    async with assembled(settings) as bench, listening_at(bench, world.door) as address:
        host, _, port = address.rpartition(":")
        async with minting.Adapter.connect(host, int(port), tls=shown(world.authority.sign("worker-mint"))) as caller:
            await caller.ping()
        async with ledger.Adapter.open(address, tls=tls) as reader:
            assert (await reader.status()).chain_id == settings.chain_id
        async with Adapter.open(address, tls=tls) as person:
            assert (await person.status()).chain_id == settings.chain_id


async def test_a_caller_whose_name_is_on_no_list_is_refused(settings: adapter.Settings, world: World) -> None:
    """The authority signed it, and that is not enough; it learns where its name would have to be."""
    async with assembled(settings) as bench, listening_at(bench, world.door) as address:
        async with Adapter.open(address, tls=shown(world.authority.sign("mallory"))) as caller:
            with pytest.raises(AdapterRefused, match=r"PERMISSION_DENIED: mallory.*CASHBACK_ADAPTER_CLIENTS"):
                await caller.status()
        host, _, port = address.rpartition(":")
        async with minting.Adapter.connect(host, int(port), tls=shown(world.authority.sign("eve"))) as other:
            with pytest.raises(MintingRefused, match="PERMISSION_DENIED"):
                await other.ping()


async def test_who_shows_no_certificate_or_one_that_has_expired_gets_no_connection(
    settings: adapter.Settings, world: World
) -> None:
    """Nor does one of another authority, or one in plain text; nothing of a call is read."""
    own = shown(world.authority.sign("worker-mint"))
    bare = ssl.create_default_context(cafile=world.authority.sign("nobody").ca)
    bare.set_alpn_protocols(["h2"])
    expired = shown(world.authority.sign("worker-mint", days=-1))
    async with assembled(settings) as bench, listening_at(bench, world.door) as address:
        for tls in (bare, expired, None):
            async with Adapter.open(address, tls=tls) as caller:
                with pytest.raises(AdapterUnavailable):
                    await caller.halt(by="mallory", reason="no certificate")
        assert await bench.adapter.halting.look() is None
        async with Adapter.open(address, tls=own) as caller:
            await caller.status()


async def test_a_certificate_of_another_authority_gets_no_connection(
    settings: adapter.Settings, world: World, tmp_path: Path
) -> None:
    """The name alone is worth nothing: a stranger's `alice` is not ours."""
    forged = Authority(tmp_path / "stranger").sign("alice")
    ours = world.authority.sign("nobody")
    tls = shown(Certificate(forged.cert, forged.key, ours.ca))
    async with (
        assembled(settings) as bench,
        listening_at(bench, world.door) as address,
        Adapter.open(address, tls=tls) as caller,
    ):
        with pytest.raises(AdapterUnavailable):
            await caller.status()


async def test_a_caller_does_not_talk_to_an_adapter_of_another_authority(
    settings: adapter.Settings, world: World, tmp_path: Path
) -> None:
    """Nor to one whose certificate has expired: whoever stands in the adapter's place learns nothing."""
    own = shown(world.authority.sign("alice"))
    for door in (
        door_of(Authority(tmp_path / "stranger").sign("adapter")),
        door_of(world.authority.sign("adapter-of-yesterday", days=-1)),
    ):
        async with (
            assembled(settings) as bench,
            listening_at(bench, door) as address,
            Adapter.open(address, tls=own) as caller,
        ):
            with pytest.raises(AdapterUnavailable):
                await caller.status()


async def test_only_an_admin_turns_the_halt_switch_and_the_certificates_name_is_kept(
    settings: adapter.Settings, world: World
) -> None:
    """A client that may mint may not halt; an admin may do both, and what is kept is the certificate's name as well."""
    worker, alice = shown(world.authority.sign("worker-mint")), shown(world.authority.sign("alice"))
    async with assembled(settings) as bench, listening_at(bench, world.door) as address:
        async with Adapter.open(address, tls=worker) as caller:
            with pytest.raises(AdapterRefused, match=r"worker-mint.*CASHBACK_ADAPTER_ADMINS"):
                await caller.halt(by="alice", reason="I say so")
            assert await caller.halts() == []
        async with Adapter.open(address, tls=alice) as admin:
            [told] = await admin.halt(by="somebody", reason="a drill")
            assert told.by == Person("somebody", "alice")
        async with Adapter.open(address, tls=worker) as caller:
            with pytest.raises(AdapterRefused):
                await caller.resume(by="worker", reason="why not")
            assert await caller.halts() == [told]


async def test_the_running_process_asks_for_certificates_and_its_operators_verb_shows_one(
    settings: adapter.Settings, world: World, tmp_path: Path
) -> None:
    """From the variables of both sides, on the event loop that they run on in production."""
    own, alice = world.authority.sign("localhost"), world.authority.sign("alice")
    port = free_port()
    served = process(
        settings,
        tmp_path,
        port=port,
        CASHBACK_ADAPTER_TLS_CERT=own.cert,
        CASHBACK_ADAPTER_TLS_KEY=own.key,
        CASHBACK_ADAPTER_TLS_CA=own.ca,
        CASHBACK_ADAPTER_CLIENTS="worker-mint",
        CASHBACK_ADAPTER_ADMINS="alice",
    )
    bare = chain_status.Settings(adapter_address=f"127.0.0.1:{port}")
    shows = msgspec.structs.replace(bare, client_tls_cert=alice.cert, client_tls_key=alice.key, client_tls_ca=alice.ca)
    with served:
        assert (await chain_status.standing(shows)).view.chain_id == settings.chain_id
        with pytest.raises(AdapterUnavailable):
            await chain_status.standing(bare)


async def test_only_an_anchorer_anchors_and_everybody_who_may_call_reads_of_it(
    settings: adapter.Settings, world: World
) -> None:
    """Neither an admin nor another service has evidence published; what is published anyone on a list may ask for."""
    root = bytes(range(32))
    async with assembled(settings) as bench, listening_at(bench, world.door) as address:
        for name in ("api", "alice"):
            async with ledger.Adapter.open(address, tls=shown(world.authority.sign(name))) as caller:
                with pytest.raises(AnchorRefused, match=f"{name} may not anchor.*CASHBACK_ADAPTER_ANCHORERS") as told:
                    await caller.anchor(root, 7)
                assert told.value.fields == {"reason": "caller_no_anchorer"}
                assert (await caller.latest_anchor()).newest is None
        async with ledger.Adapter.open(address, tls=shown(world.authority.sign("worker-ledger"))) as worker:
            assert (await worker.anchor(root, 7)).state == "accepted"
            with pytest.raises(AnchorRefused):
                await worker.anchor(bytes(32), 7)
        async with Adapter.open(address, tls=shown(world.authority.sign("worker-ledger"))) as worker:
            with pytest.raises(AdapterRefused, match="worker-ledger may not administer"):
                await worker.halt(by="mallory", reason="no admin")
