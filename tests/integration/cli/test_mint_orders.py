"""`cashback mint cancel | retry` on a running system: what a person is told, and what is refused."""

from cashback.cli.command import EXIT_REJECTED, EXIT_SETTINGS
from cashback.processes.embedded import eventually
from tests.integration.cli.chain import chain_of
from tests.integration.cli.conftest import Cashback, Dev
from tests.integration.cli.test_mint_show import WITHIN_S, asked

WHY = ("--by", "alice", "--reason", "the wallet is lost")


def test_a_mint_is_cancelled_followed_and_made_under_another_number(dev: Dev, cashback: Cashback) -> None:
    """Each verb says what happens next; the story of the mint names who ordered it and how far it is."""
    chain = chain_of(dev.launched)
    minter = dev.settings["CASHBACK_MINTER_ADDRESS"]
    chain.limit(minter, capacity=1)
    try:
        words = ("purchase", "create", "--merchant", dev.merchant_id, "--user", dev.user_id, "--amount", "900")
        made = asked(cashback, dev, *words)
        name = made["cashback"]["id"]
        assert eventually(lambda: cashback("mint", "show", name, settings=dev.settings).code == 0, within_s=WITHIN_S)
        told = cashback("mint", "cancel", name, *WHY, settings=dev.settings)
        assert told.code == 0, told.err
        assert "is cancelled" in told.out + told.err

        def is_retired() -> bool:
            return bool(asked(cashback, dev, "mint", "cancel", name, *WHY)["progress"] == "retired")

        assert eventually(is_retired, within_s=WITHIN_S)
        shown = asked(cashback, dev, "mint", "show", name)
        assert (shown["cancellation"]["progress"], shown["cancellation"]["by"]) == ("retired", "alice")
        assert shown["cancellation"]["transaction"] == shown["adapter"]["transaction"]
        first = shown["minting"]["number"]
        said = cashback("mint", "show", first, settings=dev.settings)
        assert "the wallet is lost" in said.out

        def is_given_back() -> bool:
            return cashback("mint", "retry", first, *WHY, settings=dev.settings).code == 0

        assert eventually(is_given_back, within_s=WITHIN_S)
        again = cashback("mint", "retry", first, *WHY, settings=dev.settings)
        assert (again.code, "was given back before" in again.out + again.err) == (0, True)
    finally:
        chain.limit(minter, capacity=10**13)

    def is_minted() -> bool:
        found = cashback("mint", "show", name, "--json", settings=dev.settings).json
        assert isinstance(found, dict)
        return bool(found["minting"]["state"] == "minted" and found["minting"]["number"] != first)

    assert eventually(is_minted, within_s=WITHIN_S)
    # Nobody looks after the old number any more, and it says under which one the cashback went on.
    assert first in {one["number"] for one in asked(cashback, dev, "mint", "list", "--state", "retired")}
    assert first not in {one["number"] for one in asked(cashback, dev, "mint", "list", "--state", "stuck")}
    now = asked(cashback, dev, "mint", "show", name)["minting"]["number"]
    assert asked(cashback, dev, "mint", "show", first)["minting"]["now_under"] == now
    for verb in ("cancel", "retry"):
        refused = cashback("mint", verb, name, *WHY, settings=dev.settings)
        assert (refused.code, "mint_settled" in refused.err) == (EXIT_REJECTED, True)


def test_the_verbs_want_a_mint_a_reason_and_their_settings(dev: Dev, cashback: Cashback) -> None:
    """What is no mint, a reason that says nothing, and settings that are missing."""
    for verb in ("cancel", "retry"):
        assert cashback("mint", verb, "pur_1", *WHY, settings=dev.settings).code == 2
        assert cashback("mint", verb, "17", settings=dev.settings).code == 2
        assert cashback("mint", verb, "999999999", *WHY, settings=dev.settings).code == EXIT_REJECTED
        bare = cashback("mint", verb, "17", *WHY, settings={})
        assert (bare.code, "CASHBACK_ADAPTER_ADDRESS" in bare.err) == (EXIT_SETTINGS, True)
