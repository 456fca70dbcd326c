"""Settings of the adapter and of the deployment that cannot work: refused before anything is reached."""

import msgspec
import pytest

from cashback.chain.model import KeyUnusable
from cashback.kernel.config import Secret, SettingsInvalid, load
from cashback.kernel.errors import Invalid
from cashback.processes import adapter, contracts

MNEMONIC = Secret("test test test test test test test test test test test junk")
NOWHERE = "0x" + "11" * 20
GOOD = {
    "CASHBACK_CHAIN_DSN": "postgresql://nowhere",
    "CASHBACK_RPC_URLS": "http://127.0.0.1:1,https://rpc.example/v3/key",
    "CASHBACK_CHAIN_ID": "31337",
    "CASHBACK_TOKEN_ADDRESS": NOWHERE,
    "CASHBACK_MINTER_ADDRESS": NOWHERE,
    "CASHBACK_PROBE_PORT": "9105",
}


def test_settings_are_read_from_the_environment() -> None:
    """Several endpoints are separated by commas; what is not set has a default."""
    settings = load(adapter.Settings, GOOD)
    assert settings.rpc_urls == ("http://127.0.0.1:1", "https://rpc.example/v3/key")
    assert (settings.finality, settings.batch_age_ms) == ("finalized", 100)


def test_every_wrong_setting_is_named_at_once() -> None:
    """Not one after the other."""
    wrong = GOOD | {"CASHBACK_RPC_URLS": "ws://node", "CASHBACK_CHAIN_ID": "0", "CASHBACK_TOKEN_ADDRESS": "0x12"}
    with pytest.raises(SettingsInvalid) as refusal:
        load(adapter.Settings, {name: value for name, value in wrong.items() if name != "CASHBACK_PROBE_PORT"})
    for name in ("CASHBACK_RPC_URLS", "CASHBACK_CHAIN_ID", "CASHBACK_TOKEN_ADDRESS", "CASHBACK_PROBE_PORT"):
        assert name in str(refusal.value)


@pytest.mark.parametrize(
    "changes", [{}, {"key_keystore": "/a/file", "key_mnemonic": MNEMONIC}], ids=["no key", "two keys"]
)
async def test_an_adapter_wants_exactly_one_key(changes: dict[str, object]) -> None:
    """A keystore file, or on a development chain a mnemonic."""
    settings = msgspec.structs.replace(load(adapter.Settings, GOOD), **changes)
    with pytest.raises(KeyUnusable, match="CASHBACK_KEY_KEYSTORE"):
        async with adapter.opened(settings):
            pass


async def test_an_unknown_finality_is_refused() -> None:
    """Before any key is opened."""
    settings = msgspec.structs.replace(load(adapter.Settings, GOOD), finality="latest")
    with pytest.raises(Invalid, match="finality"):
        async with adapter.opened(settings):
            pass


async def test_a_deployment_with_a_keystore_must_name_who_may_mint(tmp_path: object) -> None:
    """The deployer's own key should not."""
    settings = contracts.Settings(rpc_urls=("http://127.0.0.1:1",), chain_id=8_453, key_keystore=f"{tmp_path}/none")
    with pytest.raises(KeyUnusable):
        await contracts.deploy(settings)
