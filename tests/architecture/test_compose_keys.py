"""Where the two services that sign have their keys from, as compose.yaml hands them over."""

import pytest

from cashback.kernel.config import PREFIX
from tests.architecture.test_compose import example, filled, services


@pytest.mark.parametrize("name, whose", [("adapter", "ADAPTER"), ("contracts-deploy", "DEPLOYER")])
def test_who_signs_may_have_its_key_in_a_file_or_in_a_kms_and_its_own_one_alone(name: str, whose: str) -> None:
    """Named in .env for each of the two, so that neither signs with the other's."""
    given = services()[name]["environment"]
    for setting in ("KEYSTORE", "KMS_ID", "KMS_REGION"):
        variable = f"{PREFIX}{whose}_{setting}"
        assert variable in example()
        assert filled(given.get(f"{PREFIX}KEY_{setting}", ""), {variable: "its own"}) == "its own", setting
