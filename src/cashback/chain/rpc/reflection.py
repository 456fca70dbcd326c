"""The standard reflection service (grpc.reflection.v1): what is served, told from the descriptors beside the wire code.

Our own, since grpclib's wants the protobuf runtime and its registry, which the generated code does without.
"""

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from grpclib.const import Status

from cashback.chain.rpc.health import SERVED
from cashback.wire.grpc.reflection import v1
from cashback.wire.grpc.reflection.v1.server import ServerReflectionBase

QUESTIONS_MAX: Final = 100
"""How many questions one stream may ask."""


class _File(msgspec.Struct, frozen=True):
    """One .proto file: those it imports, the names it defines, and its `FileDescriptorProto`."""

    dependencies: tuple[str, ...]
    symbols: frozenset[str]
    descriptor: str


@cache
def _files() -> Mapping[str, _File]:
    """Return every .proto file by its name, as `proto/generate.py` described them."""
    text = files("cashback.wire").joinpath("descriptors.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, _File])


class Reflection(ServerReflectionBase):
    """Tells tools what they can call."""

    async def server_reflection_info(
        self, messages: AsyncIterator[v1.ServerReflectionRequest]
    ) -> AsyncIterator[v1.ServerReflectionResponse]:
        """Answer each question in turn, at most `QUESTIONS_MAX`."""
        asked = 0
        async for question in messages:
            asked += 1
            yield (
                _answer(question)
                if asked <= QUESTIONS_MAX
                else _refusal(question, Status.RESOURCE_EXHAUSTED, f"at most {QUESTIONS_MAX} questions")
            )
            if asked > QUESTIONS_MAX:
                return


def _answer(question: v1.ServerReflectionRequest) -> v1.ServerReflectionResponse:
    """Return the answer to one question."""
    if question.list_services is not None:
        listed = [v1.ServiceResponse(name=name) for name in sorted(SERVED) if name]
        return _response(question, list_services_response=v1.ListServiceResponse(service=listed))
    if question.file_by_filename is not None:
        name = question.file_by_filename if question.file_by_filename in _files() else None
    elif question.file_containing_symbol is not None:
        name = _file_of(question.file_containing_symbol)
    else:
        return _refusal(question, Status.UNIMPLEMENTED, "nothing here has extensions")
    if name is None:
        return _refusal(question, Status.NOT_FOUND, "not defined here")
    descriptors = [b64decode(_files()[one].descriptor) for one in _with_imports(name)]
    return _response(question, file_descriptor_response=v1.FileDescriptorResponse(file_descriptor_proto=descriptors))


def _file_of(symbol: str) -> str | None:
    """Return the file that defines a symbol, or the message around it; None when none does."""
    while symbol:
        found = next((name for name, file in _files().items() if symbol in file.symbols), None)
        if found is not None:
            return found
        symbol = symbol.rpartition(".")[0]
    return None


def _with_imports(name: str) -> list[str]:
    """Return a file and all that it imports, each once, itself first."""
    found = [name]
    for one in found:
        found += [other for other in _files()[one].dependencies if other not in found]
    return found


def _refusal(question: v1.ServerReflectionRequest, status: Status, detail: str) -> v1.ServerReflectionResponse:
    """Return that a question has no answer, and why."""
    return _response(question, error_response=v1.ErrorResponse(error_code=status.value, error_message=detail))


def _response(
    question: v1.ServerReflectionRequest,
    *,
    file_descriptor_response: v1.FileDescriptorResponse | None = None,
    list_services_response: v1.ListServiceResponse | None = None,
    error_response: v1.ErrorResponse | None = None,
) -> v1.ServerReflectionResponse:
    """Return an answer with its question."""
    return v1.ServerReflectionResponse(
        valid_host=question.host,
        original_request=question,
        file_descriptor_response=file_descriptor_response,
        list_services_response=list_services_response,
        error_response=error_response,
    )
