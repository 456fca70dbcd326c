"""Which requests go on with what an answer has made: OpenAPI's links (3.1, section 4.8.20).

What a command makes is called `id` in its answer. It leads to each operation whose path needs that id alone; what has a
place of its own in an answer, as the cashback of a purchase has, leads on from there.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_NAME: Final = re.compile(r"\{(\w+)\}")
_CASHBACK: Final = "/v1/cashback/{cashback_id}"
_BESIDE: Final[Mapping[str, Mapping[str, str]]] = {
    "createPurchase": {_CASHBACK: "/cashback/id"},
    "createAdjustment": {_CASHBACK: "/cashback_id"},
    "createWalletChallenge": {"/v1/users/{user_id}/wallet-proofs": "/user_id"},
    "createWalletProof": {"/v1/users/{user_id}/wallet-changes": "/user_id"},
}
"""What else answers tell of, by the operation: the path that it is in, and where the answer has the id."""

_REVISION: Final = '"{$response.body#/revision}"'


def add_links(document: dict[str, Any], *, makes: Mapping[str, str]) -> None:
    """Have the answers of commands lead on; `makes` is the path of what each makes, by its operation's name."""
    paths, schemas = document["paths"], document["components"]["schemas"]
    for operation in [one for item in paths.values() for one in item.values()]:
        name = operation["operationId"]
        places = ({makes[name]: "/id"} if name in makes else {}) | dict(_BESIDE.get(name, {}))
        found: dict[str, Any] = {}
        for folder, pointer in places.items():
            schema = operation["responses"]["201"]["content"]["application/json"]["schema"]
            told = schemas[schema["$ref"].rsplit("/", 1)[1]]["properties"]
            found |= _links(paths, folder, pointer, has_revision="revision" in told)
        if found:
            operation["responses"]["201"]["links"] = found


def _links(paths: Mapping[str, Any], folder: str, pointer: str, *, has_revision: bool) -> dict[str, Any]:
    """Return the links to all operations in a folder of paths that need no other id, by their names."""
    [id_] = _NAME.findall(folder)
    return {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {
                id_: f"$response.body#{pointer}",
                # A change names what was looked at, and that is what was made just now.
                **({"If-Match": _REVISION} if has_revision and _asks_for_revision(operation) else {}),
            },
            "description": f"{operation['summary']}.",
        }
        for path, item in paths.items()
        if path == folder or (path.startswith(f"{folder}/") and _NAME.findall(path) == [id_])
        for operation in item.values()
    }


def _asks_for_revision(operation: Mapping[str, Any]) -> bool:
    """Tell whether an operation wants to know which state of something its caller has seen."""
    return any(one["name"] == "If-Match" for one in operation.get("parameters", ()))
