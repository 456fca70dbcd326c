"""What members mean: words for all that is sent, in the document and so wherever it is read."""

from cashback.processes.api.members import known_members
from cashback.processes.api.problems import known_problems
from cashback.processes.api.reference.document import schemas_in
from tests.contract.rest.golden import document


def test_every_member_of_a_body_is_told_of() -> None:
    """Whoever sends it reads what it is: by its own struct, or by members.toml, which has a word for no other."""
    told = document()
    schemas = told["components"]["schemas"]
    ahead = list(schemas_in([one.get("requestBody") for item in told["paths"].values() for one in item.values()]))
    bodies = set[str]()
    while ahead:
        bodies.add(name := ahead.pop())
        ahead += set(schemas_in(schemas[name])) - bodies
    untold = [
        f"{name}.{member}"
        for name in bodies
        for member, schema in schemas[name].get("properties", {}).items()
        if not schema.get("description")
    ]
    assert (len(bodies) > 30, untold) == (True, [])
    titles = {schema["title"]: schema.get("properties", {}) for schema in schemas.values()}
    every = {member for members in titles.values() for member in members}
    stale = {
        name: known.keys() - titles.get(name, every if name == "all" else {}) for name, known in known_members().items()
    }
    assert {name: members for name, members in stale.items() if members} == {}


def test_every_member_of_a_code_stands_in_the_schema_of_problems() -> None:
    """Told with the code that it belongs to, and never required: clients made from the document have it typed."""
    problem = document()["components"]["schemas"]["Problem"]
    told = {
        name: problem["properties"][name]["description"]
        for known in known_problems().values()
        for name in known.members
    }
    assert not told.keys() & set(problem["required"])
    for code, known in known_problems().items():
        for name, means in known.members.items():
            assert (f"`{code}`" in told[name], f": {means}." in told[name]) == (True, True)
    assert {name for name in told if problem["properties"][name]["type"] != "string"} == {
        "problems",
        "retry_after_s",
        "seal",
        "secret_version",
    }
