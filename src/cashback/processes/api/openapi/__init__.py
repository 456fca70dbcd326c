"""The OpenAPI document: what the framework says of the routes, completed, and served as it stands.

routes ──▶ the framework ──▶ finishing ──▶ serving ──▶ /openapi/openapi.json
config ───────┘                  └ links, headers, examples ◀── examples.json

config      what no route says: the title, the tags, how a key is presented
finishing   what the framework cannot say, put together
links       which requests go on with what an answer has made
headers     what answers tell beside their bodies
examples    requests and answers of every operation, as they were recorded
serving     the bytes, made once, with their ETag
"""

from cashback.processes.api.openapi.config import OPENAPI, document_of_one
from cashback.processes.api.openapi.finishing import finished
from cashback.processes.api.openapi.serving import document_routes, has_already, made_once, published_of

__all__ = ["OPENAPI", "document_of_one", "document_routes", "finished", "has_already", "made_once", "published_of"]
