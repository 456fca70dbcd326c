"""Reflection as a tool meets it: Google's own runtime reads the descriptors and finds the calls that are served."""

from collections.abc import AsyncIterator

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.reflection.v1.reflection_grpc import ServerReflectionStub
from grpclib.reflection.v1.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from cashback.chain.rpc.reflection import QUESTIONS_MAX
from cashback.processes import adapter
from cashback.wire.grpc.reflection import v1
from tests.integration.chain.listening import listening_at
from tests.integration.chain.support import assembled

SERVICES = [
    "cashback.chain.v1.ChainAdapterService",
    "cashback.chain.v1.ChainAdminService",
    "cashback.chain.v1.ChainAnchorService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
]


async def asked(address: str, *questions: ServerReflectionRequest) -> list[ServerReflectionResponse]:
    """Return what a client with Google's messages hears."""
    host, _, port = address.rpartition(":")
    async with Channel(host, int(port)) as channel:
        return list(await ServerReflectionStub(channel).ServerReflectionInfo(list(questions)))


async def test_a_tool_finds_every_service_and_its_calls(settings: adapter.Settings) -> None:
    """It lists the services, asks for the file of each, and links them without a copy of the contract."""
    async with assembled(settings) as bench, listening_at(bench) as address:
        [listed] = await asked(address, ServerReflectionRequest(list_services="*"))
        assert [one.name for one in listed.list_services_response.service] == SERVICES
        pool = DescriptorPool()
        for answer in await asked(
            address, *[ServerReflectionRequest(file_containing_symbol=name) for name in SERVICES]
        ):
            [data] = answer.file_descriptor_response.file_descriptor_proto
            pool.Add(FileDescriptorProto.FromString(data))
        for name in SERVICES:
            assert pool.FindServiceByName(name).methods
        status = pool.FindServiceByName(SERVICES[0]).methods_by_name["GetStatus"].output_type
        assert "halts" in status.fields_by_name


async def test_a_file_is_found_by_its_name_and_a_symbol_inside_a_message(settings: adapter.Settings) -> None:
    """What is not defined here is not found, and what nothing here has is said not to be."""
    async with assembled(settings) as bench, listening_at(bench) as address:
        by_name, by_part, unknown, extension = await asked(
            address,
            ServerReflectionRequest(file_by_filename="cashback/chain/v1/chain.proto"),
            ServerReflectionRequest(file_containing_symbol="cashback.chain.v1.GetStatusResponse.Lane"),
            ServerReflectionRequest(file_containing_symbol="cashback.nothing"),
            ServerReflectionRequest(all_extension_numbers_of_type="cashback.chain.v1.Mint"),
        )
        assert by_name.file_descriptor_response == by_part.file_descriptor_response
        assert unknown.error_response.error_code == Status.NOT_FOUND.value
        assert extension.error_response.error_code == Status.UNIMPLEMENTED.value


async def test_a_stream_of_questions_is_bounded(settings: adapter.Settings) -> None:
    """The one too many is refused, and the stream ends; our own stub reads it."""

    async def send() -> AsyncIterator[v1.ServerReflectionRequest]:
        for _ in range(QUESTIONS_MAX + 1):
            yield v1.ServerReflectionRequest(list_services="*")

    async with assembled(settings) as bench, listening_at(bench) as address:
        host, _, port = address.rpartition(":")
        async with Channel(host, int(port)) as channel:
            stub = v1.ServerReflectionStub(channel)
            answers = [answer async for answer in stub.server_reflection_info(send())]
    assert len(answers) == QUESTIONS_MAX + 1
    assert answers[-1].error_response is not None
    assert answers[-1].error_response.error_code == Status.RESOURCE_EXHAUSTED.value
