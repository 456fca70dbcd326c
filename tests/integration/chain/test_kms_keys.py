"""A key in a KMS: what makes it a signer, what is refused at the start, and what the service's failures come to.

The stand-in speaks the service's protocol over HTTP and checks each request's signature.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
import structlog
from coincurve import PrivateKey

from cashback.chain.gateway import kms as gateway
from cashback.chain.gateway.keys import LocalKey
from cashback.chain.gateway.kms import ATTEMPTS_MAX, REQUESTS_IN_FLIGHT_MAX, Kms, KmsKey
from cashback.chain.model import KeyRefused, KeyUnavailable
from cashback.kernel.config import SettingsInvalid, load
from cashback.processes import adapter, contracts
from tests.support.kms import ACCESS_KEY, ORDER, REGION, SECRET_KEY, KmsStandIn, Whim

SECRET = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
DIGEST = bytes(range(32))
NOWHERE = "0x" + "11" * 20


@pytest.fixture
async def kms(service: KmsStandIn) -> AsyncIterator[Kms]:
    """Give our side of it; not patient."""
    async with Kms.open(region=REGION, endpoint=service.url, timeout_s=1.5) as opened:
        yield opened


@pytest.fixture
async def patient(service: KmsStandIn) -> AsyncIterator[Kms]:
    """Give our side of it with a deadline that a busy machine does not miss."""
    async with Kms.open(region=REGION, endpoint=service.url, timeout_s=30) as opened:
        yield opened


def settings_of(service: KmsStandIn, **changes: str) -> adapter.Settings:
    """Return the settings of an adapter with a key there; nothing else is reached."""
    values = {
        "chain_dsn": "postgresql://nowhere",
        "rpc_urls": "http://127.0.0.1:1",
        "chain_id": "31337",
        "token_address": NOWHERE,
        "minter_address": NOWHERE,
        "probe_port": "1",
        "key_kms_id": "one",
        "key_kms_region": REGION,
        "key_kms_endpoint": service.url,
        **changes,
    }
    return load(adapter.Settings, {f"CASHBACK_{name.upper()}": value for name, value in values.items()})


async def refused(settings: adapter.Settings) -> str:
    """Return why a start with these settings is refused."""
    with pytest.raises(SettingsInvalid) as refusal:
        async with settings.every_signer():
            pass
    [problem] = refusal.value.problems
    return problem


async def fresh(key: KmsKey) -> KmsKey:
    """Return the key as a process sees it that has met no failure yet."""
    key._rests_until_s = 0.0
    return key


async def test_a_key_signs_as_one_in_memory_with_the_same_secret_would(service: KmsStandIn, kms: Kms) -> None:
    """The same address; low s in every case, though the service's is high in half of them; the parity is recovered."""
    service.make("one", secret=SECRET)
    key = await kms.key("alias/one")
    assert (key.address, repr(key)) == (LocalKey(SECRET).address, f"KmsKey(0x{key.address.hex()})")
    assert service.asked == ["GetPublicKey", "Sign"]
    public = PrivateKey(SECRET).public_key
    found = [await key.sign(bytes([place]) * 32) for place in range(16)]
    for place, one in enumerate(found):
        raw = one.r.to_bytes(32) + one.s.to_bytes(32) + bytes([one.y_parity])
        assert public.from_signature_and_message(raw, bytes([place]) * 32, hasher=None) == public
        assert one.s <= ORDER // 2
    assert {one.y_parity for one in found} == {0, 1}


async def test_an_alias_that_is_pointed_elsewhere_changes_no_running_signer(service: KmsStandIn, kms: Kms) -> None:
    """Another key would sign for another address: it is another lane, after a restart."""
    first = service.make("one")
    key = await kms.key("alias/one")
    service.point("alias/one", service.make("two"))
    await key.sign(DIGEST)
    assert key.address == first.address


@pytest.mark.parametrize(
    "spec, usage, told",
    [
        ("ECC_NIST_P256", "SIGN_VERIFY", "the key is ECC_NIST_P256 for SIGN_VERIFY: make one with KeySpec ECC_SECG"),
        ("ECC_SECG_P256K1", "KEY_AGREEMENT", "the key is ECC_SECG_P256K1 for KEY_AGREEMENT: make one with"),
        ("SYMMETRIC_DEFAULT", "KEY", "the key is not for signing: make one with KeySpec ECC_SECG_P256K1"),
    ],
)
async def test_a_key_of_another_kind_is_refused_at_the_start_with_the_remedy(
    service: KmsStandIn, spec: str, usage: str, told: str
) -> None:
    """Of another curve, for another use, or symmetric."""
    service.make("one", spec=spec, usage=usage)
    assert (await refused(settings_of(service))).startswith(f"CASHBACK_KEY_KMS_ID is wrong: {told}")


async def test_what_a_person_has_to_mend_is_refused_at_the_start_with_the_remedy(
    service: KmsStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such key, no right to sign, disabled, the wrong credentials, none at all, no region; never the secret."""
    key = service.make("one")
    told = [
        await refused(settings_of(service, key_kms_id="two")),
        await refused(settings_of(service, key_more_kms_ids="two")),
    ]
    service.once("deny")
    told.append(await refused(settings_of(service)))
    key.is_enabled = False
    told.append(await refused(settings_of(service)))
    key.is_enabled = True
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another secret")
    told.append(await refused(settings_of(service)))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOFNOBODY")
    told.append(await refused(settings_of(service)))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    told.append(await refused(settings_of(service)))
    told.append(await refused(settings_of(service, key_kms_region="")))
    told.append(await refused(settings_of(service, key_kms_region="no region")))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    told.append(await refused(settings_of(service)))
    for problem, words in zip(
        told,
        [
            "CASHBACK_KEY_KMS_ID is wrong: there is no such key",
            "CASHBACK_KEY_MORE_KMS_IDS is wrong: there is no such key",
            "access is denied: allow kms:GetPublicKey and kms:Sign",
            "the key is disabled: enable it",
            "the credentials of this machine are refused",
            "the credentials of this machine are refused",
            "the credentials of this machine are refused",
            "no region is known: set CASHBACK_KEY_KMS_REGION",
            "this machine's settings for AWS cannot be used: the region is none: see CASHBACK_KEY_KMS_REGION",
            "this machine's settings for AWS cannot be used: the profile that AWS_PROFILE names is not there",
        ],
        strict=True,
    ):
        assert words in problem
    assert not [problem for problem in told if SECRET_KEY in problem or ACCESS_KEY in problem]


async def test_a_key_that_is_named_twice_is_refused(service: KmsStandIn) -> None:
    """By whatever names: two lanes of one signer would use the same nonces."""
    service.make("one")
    problem = await refused(settings_of(service, key_more_kms_ids="alias/one"))
    assert problem == "CASHBACK_KEY_MORE_KMS_IDS is wrong: a key is named twice"


async def test_a_service_that_is_away_at_the_start_is_no_wrong_setting(service: KmsStandIn) -> None:
    """The same settings work later: whoever watches over the process starts it again."""
    service.make("one")
    service.always("fail")
    with pytest.raises(KeyUnavailable):
        async with settings_of(service).every_signer():
            pass
    with pytest.raises(KeyUnavailable, match="did not answer: nothing listens at its address"):
        async with settings_of(service, key_kms_endpoint="http://127.0.0.1:1").every_signer():
            pass


async def test_the_deployers_key_may_be_there_as_well(service: KmsStandIn) -> None:
    """It is one key, and the same settings name it."""
    made = service.make("one")
    settings = contracts.Settings(
        rpc_urls=("http://127.0.0.1:1",), chain_id=1, key_kms_id="one", key_kms_region=REGION,
        key_kms_endpoint=service.url,
    )  # fmt: skip
    async with settings.every_signer() as signers:
        assert [signer.address for signer in signers] == [made.address]


@pytest.mark.parametrize("whim", ["throttle", "fail", "hang up"])
async def test_what_passes_is_asked_again_within_the_deadline(service: KmsStandIn, patient: Kms, whim: Whim) -> None:
    """Throttled, failing, hung up: once more, after a pause."""
    service.make("one")
    key = await patient.key("one")
    service.once(whim)
    await key.sign(DIGEST)
    assert service.asked.count("Sign") == 3


@pytest.mark.parametrize(
    "whim, told, refuses",
    [
        ("throttle", "the key service failed: ThrottlingException", False),
        ("fail", "the key service failed: KMSInternalException", False),
        ("hang", "the key service did not answer within", False),
        ("hang up", "the key service did not answer: it ended the connection", False),
        ("garbage", "the key service answered with no signature in DER", False),
        ("no signature", "the key service answered with no signature in DER", False),
        ("foreign", "the key service answered with a signature of another key", False),
        ("deny", "access is denied: allow kms:GetPublicKey and kms:Sign on this key", True),
    ],
)
async def test_what_lasts_gives_no_signature_and_says_why(
    service: KmsStandIn, kms: Kms, whim: Whim, told: str, refuses: bool
) -> None:
    """Asked a few times at most, within the deadline; then left alone, and well again as soon as it is."""
    service.make("one")
    key = await kms.key("one")
    service.always(whim)
    before = service.asked.count("Sign")
    with pytest.raises(KeyUnavailable, match=told) as failure:
        await key.sign(DIGEST)
    assert isinstance(failure.value, KeyRefused) == refuses
    asked = service.asked.count("Sign")
    assert 1 <= asked - before <= ATTEMPTS_MAX
    with pytest.raises(type(failure.value), match=told):
        await key.sign(DIGEST)
    assert service.asked.count("Sign") == asked, "it was not left alone"
    service.always(None)
    await (await fresh(key)).sign(DIGEST)


async def test_a_slow_answer_is_one_all_the_same(service: KmsStandIn, kms: Kms) -> None:
    """As long as it comes within the deadline, and nothing is asked twice for it."""
    service.make("one")
    key = await kms.key("one")
    service.delay_s = 0.8
    await key.sign(DIGEST)
    assert service.asked.count("Sign") == 2


async def test_requests_are_bounded_however_many_lanes_sign(service: KmsStandIn, kms: Kms) -> None:
    """The rest wait their turn, each within its deadline."""
    service.make("one")
    key = await kms.key("one")
    service.delay_s = 0.05
    await asyncio.gather(*[key.sign(bytes([place]) * 32) for place in range(3 * REQUESTS_IN_FLIGHT_MAX)])
    assert service.in_flight_max == REQUESTS_IN_FLIGHT_MAX


async def test_no_log_tells_what_was_sent(service: KmsStandIn, kms: Kms) -> None:
    """Only the signer's address."""
    made = service.make("one")
    with structlog.testing.capture_logs() as lines:
        await kms.key("one")
    assert [line["signer"] for line in lines if line["event"] == "kms_key.opened"] == [f"0x{made.address.hex()}"]
    assert SECRET_KEY not in str(lines)


async def test_without_the_extra_a_key_there_is_refused_with_what_to_install(
    service: KmsStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whoever names none needs none."""
    monkeypatch.setitem(__import__("sys").modules, gateway.__name__, None)
    assert "pip install 'cashback[kms]'" in await refused(settings_of(service))
    without = msgspec.structs.replace(settings_of(service), key_kms_id="")
    async with without.every_signer() as signers:
        assert signers == ()
