"""Write `src/cashback/wire` from the contracts in `proto/`; `nox -s generate` calls this.

    chain.proto ──> protoc, betterproto2 ──> v1/__init__.py   messages and the client's stub
                                             v1/server.py     the service's base, split off
    stub.py ───────────────────────────────> stub.py          what the stub builds on
    answers.py ────────────────────────────> answers.py       how its callers read answers
    every .proto ──> protoc ───────────────> descriptors.json what reflection tells: each file with its symbols

The same input gives the same bytes, which tests/architecture/test_generated.py holds against what is committed.
"""

import argparse
import ast
import base64
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

HERE = Path(__file__).resolve().parent
WIRE = HERE.parent / "src" / "cashback" / "wire"
RUFF = Path(sysconfig.get_path("scripts")) / "ruff"
STYLE = ("--isolated", "--no-cache", "--quiet", "--line-length", "120", "--target-version", "py311")
# What the module of messages and stubs imports once the server's half is gone: nothing that loads a server.
CLIENT_IMPORTS = (
    ("\nimport grpclib\n", "\n"),
    ("    import grpclib.server\n", ""),
    ("from betterproto2 import grpclib as betterproto2_grpclib", "from ....stub import ServiceStub"),
    ("betterproto2_grpclib.ServiceStub", "ServiceStub"),
)
SERVER_IMPORTS = """\
\"\"\"The server's half: the base of each service.\"\"\"

from collections.abc import AsyncIterator

import grpclib
import grpclib.server
from betterproto2 import grpclib as betterproto2_grpclib

from . import {messages}
"""
BY_HAND = ("answers.py", "stub.py")
DOCUMENTED = {
    "__init__.py": "Generated from proto/ by `nox -s generate`: the synchronous contract.",
    "message_pool.py": "Generated: the registry of all messages.",
    "cashback/__init__.py": "Generated: the protobuf package `cashback`.",
    "cashback/chain/__init__.py": "Generated: the protobuf package `cashback.chain`.",
}


def compile_protos(out: Path) -> None:
    """Run the protobuf compiler over every contract, into the empty folder `out`."""
    protos = sorted(str(path.relative_to(HERE)) for path in HERE.rglob("*.proto"))
    plugin = Path(sysconfig.get_path("scripts")) / "protoc-gen-python_betterproto2"
    options = ("client_generation=async", "server_generation=async")
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={HERE}"),
            f"--plugin=protoc-gen-python_betterproto2={plugin}",
            *(f"--python_betterproto2_opt={option}" for option in options),
            f"--python_betterproto2_out={out}",
            *protos,
        ],
        check=True,
        stderr=subprocess.DEVNULL,  # the plugin reports each file it writes; what fails is told by its exit code
        env={"PATH": str(RUFF.parent)},
        cwd=out,  # the plugin calls ruff, which looks for settings from here upwards
    )


def describe(out: Path) -> None:
    """Write `descriptors.json` into `out`: each file with its imports, its symbols and its descriptor."""
    with tempfile.TemporaryDirectory() as scratch:
        described = Path(scratch) / "descriptors"
        protos = sorted(str(path.relative_to(HERE)) for path in HERE.rglob("*.proto"))
        words = (f"--proto_path={HERE}", "--include_imports", f"--descriptor_set_out={described}", *protos)
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *words], check=True)
        files = FileDescriptorSet.FromString(described.read_bytes()).file
    document = {
        file.name: {
            "dependencies": list(file.dependency),
            "symbols": symbols(file),
            "descriptor": base64.b64encode(file.SerializeToString(deterministic=True)).decode(),
        }
        for file in files
    }
    (out / "descriptors.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def symbols(file: FileDescriptorProto) -> list[str]:
    """Return the full names of a file's services, methods, messages and enums that stand in no other message."""
    names = [one.name for one in (*file.message_type, *file.enum_type, *file.service)]
    names += [f"{service.name}.{method.name}" for service in file.service for method in service.method]
    return sorted(f"{file.package}.{name}" for name in names)


def split_server_off(module: Path) -> None:
    """Move each service's base class from a generated `__init__.py` to a `server.py` beside it, if there is one."""
    text = module.read_text()
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    bases = [node for node in classes if "ServiceBase" in "".join(ast.unparse(base) for base in node.bases)]
    if not bases:
        return
    source = text.splitlines(keepends=True)
    # The plugin's first comment says that the file is generated; both files keep saying so.
    server = "".join(line for line in source[:4] if line.startswith("#"))
    messages = [node.name for node in classes if node not in bases and not node.name.endswith("Stub")]
    server += SERVER_IMPORTS.format(messages=", ".join(messages))
    for base in bases:
        body = "".join(source[base.lineno - 1 : base.end_lineno])
        server += f"\n\n{body}"
        text = text.replace(body, "").replace(f'    "{base.name}",\n', "")
    for old, new in CLIENT_IMPORTS:
        text = text.replace(old, new)
    module.write_text(text)
    (module.parent / "server.py").write_text(server)


def generate(out: Path) -> None:
    """Make `out` hold the generated package and nothing else; the second time changes nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "wire"
        fresh.mkdir()
        compile_protos(fresh)
        describe(fresh)
        for module in sorted(fresh.rglob("__init__.py")):
            split_server_off(module)
        for name, sentence in DOCUMENTED.items():
            path = fresh / name
            path.write_text(f'"""{sentence}"""\n\n{path.read_text()}')
        for name in BY_HAND:
            shutil.copy(HERE / name, fresh / name)
        subprocess.run([str(RUFF), "check", *STYLE, "--select", "F401,I", "--fix", str(fresh)], check=True)
        subprocess.run([str(RUFF), "format", *STYLE, str(fresh)], check=True)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(fresh, out)


def main() -> None:
    """Generate into the folder named on the command line, or over the committed code."""
    parser = argparse.ArgumentParser(description="Write src/cashback/wire from proto/.")
    parser.add_argument("--out", type=Path, default=WIRE, help="another folder than src/cashback/wire; emptied first")
    generate(parser.parse_args().out.resolve())


if __name__ == "__main__":
    main()
