"""What members mean: words for all that is sent, in the document and so wherever it is read."""

from cashback.processes.api.members import known_members
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
