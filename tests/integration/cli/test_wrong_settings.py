"""Settings that are well-formed and wrong: the sentence names what the server said, not how long it was waited for."""

from urllib.parse import urlsplit

import pytest

from cashback.cli.command import EXIT_DIFFERENCE, EXIT_SETTINGS, EXIT_UNAVAILABLE
from cashback.processes.embedded import EmbeddedNats, EmbeddedPostgres
from tests.integration.cli.conftest import Cashback


def test_a_wrong_database_password_is_told_in_the_servers_words(postgres: EmbeddedPostgres, cashback: Cashback) -> None:
    """A pool tries again until its time is over, and that is not what is wrong."""
    dsn = postgres.dsn(password="wrong")
    said = cashback("mint", "list", settings={"CASHBACK_MINTING_AUDIT_DSN": dsn})
    assert said.code == EXIT_UNAVAILABLE
    assert said.err == (
        "cashback: database_unavailable: the database refused the connection;"
        ' password authentication failed for user "postgres"\n'
    )


@pytest.mark.parametrize("verb", [("mint", "list"), ("keys", "list")])
def test_a_database_that_is_not_migrated_is_told_as_such(
    verb: tuple[str, ...], database: str, cashback: Cashback
) -> None:
    """Or that of another service: exit code 6, and no traceback."""
    names = ("CASHBACK_MINTING_AUDIT_DSN", "CASHBACK_API_DSN")
    said = cashback(*verb, settings={**dict.fromkeys(names, database), "CASHBACK_API_KEY_PEPPER": "pepper"})
    assert said.code == EXIT_SETTINGS
    assert said.err.startswith("cashback: database_unfit: relation ")
    assert "`cashback migrate` brings it there" in said.err
    assert said.err.count("\n") == 1


def test_a_wrong_broker_password_is_told_in_the_brokers_words(nats: EmbeddedNats, cashback: Cashback) -> None:
    """By the verbs of events, and by the doctor, who asks everything else as well."""
    place = urlsplit(nats.url())
    settings = {
        "CASHBACK_NATS_URL": f"nats://{place.hostname}:{place.port}",
        "CASHBACK_NATS_USER": "admin",
        "CASHBACK_NATS_PASSWORD": "wrong",
    }
    said = cashback("dlq", "list", settings=settings)
    assert said.code == EXIT_UNAVAILABLE
    assert "Authorization Violation" in said.err
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    away = {f"CASHBACK_{name}_AUDIT_DSN": nowhere for name in ("LEDGER", "MINTING", "CHAIN")}
    doctor = cashback("doctor", settings={**settings, **away, "CASHBACK_ADAPTER_ADDRESS": "127.0.0.1:1"})
    assert doctor.code == EXIT_DIFFERENCE
    assert "Authorization Violation" in doctor.out
