"""A stand-in for AWS KMS, over real HTTP: its JSON 1.1 protocol, its errors, and signatures as it makes them.

It asks for requests signed by SigV4 and computes each signature anew with the library's own signer. What it signs is
DER with a random nonce and, by turns, a high and a low s: the service knows nothing of EIP-2. It misbehaves on command.
"""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Literal, TypeAlias

import msgspec
from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi  # type: ignore[import-not-found]  # the engine has no types
from eth_utils.crypto import keccak

REGION: Final = "eu-central-1"
ACCESS_KEY: Final = "AKIDOFASTANDIN"
SECRET_KEY: Final = "known to the stand-in and to whoever may sign"
ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What a process that may sign has in its environment, and nothing of the machine's own."""

ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_SPKI: Final = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a034200")
_PREFIX: Final = "TrentService."

Whim: TypeAlias = Literal["throttle", "fail", "deny", "hang", "hang up", "garbage", "no signature", "foreign"]
"""Rate exceeded; an internal failure; access denied; no answer until the other side gives up; a connection that is
closed; a body that is nothing; an answer without what was asked for, or with bytes in its place; another key's."""

_REFUSALS: Final[dict[str, tuple[int, str, str]]] = {
    "throttle": (400, "ThrottlingException", "Rate exceeded"),
    "fail": (500, "KMSInternalException", "An internal failure occurred"),
    "deny": (400, "AccessDeniedException", "User: arn:aws:iam::1:role/adapter is not authorized to perform: kms:Sign"),
}


class Refused(Exception):
    """An answer that is an error of the service."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        """Carry the status and the body's members."""
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class StandInKey:
    """One key of the service: its id, and what it is made for."""

    def __init__(self, key_id: str, *, secret: bytes, spec: str, usage: str) -> None:
        """Hold the key."""
        self.arn = f"arn:aws:kms:{REGION}:111122223333:key/{key_id}"
        self.spec, self.usage = spec, usage
        self.is_enabled = True
        self.private = PrivateKey(secret)
        point = self.private.public_key.format(compressed=False)
        self.spki = _SPKI + point
        self.address = bytes(keccak(point[1:]))[-20:]


class KmsStandIn:
    """The service in one region, with the keys that a test makes."""

    def __init__(self) -> None:
        """Have no key yet."""
        self.url = ""
        self.asked: list[str] = []
        self.in_flight_max = 0
        self.delay_s = 0.0
        self._in_flight = 0
        self._keys: dict[str, StandInKey] = {}
        self._whims: list[Whim] = []
        self._lasting: Whim | None = None
        self._signed = 0
        self._met = asyncio.Event()
        self._closed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["KmsStandIn"]:
        """Give a stand-in that listens on this machine."""
        kms = cls()
        app = web.Application()
        app.router.add_post("/", kms._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            kms.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield kms
        finally:
            kms._closed.set()
            await runner.cleanup()

    def make(
        self, key_id: str, *, secret: bytes | None = None, spec: str = "ECC_SECG_P256K1", usage: str = "SIGN_VERIFY"
    ) -> StandInKey:
        """Make a key, also known as `alias/` and its id."""
        made = StandInKey(key_id, secret=secret or PrivateKey().secret, spec=spec, usage=usage)
        self._keys |= dict.fromkeys((key_id, made.arn, f"alias/{key_id}"), made)
        return made

    def point(self, alias: str, key: StandInKey) -> None:
        """Let an alias mean another key from now on."""
        self._keys[alias] = key

    def once(self, *whims: Whim) -> None:
        """Let the next signatures meet these whims, one each."""
        self._whims += whims

    def always(self, whim: Whim | None) -> None:
        """Let every signature meet this whim; None lets them succeed again."""
        self._lasting = whim

    async def met(self, times: int = 1) -> None:
        """Return once so many further requests for a signature have arrived."""
        async with asyncio.timeout(20):
            for _ in range(times):
                self._met.clear()
                await self._met.wait()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self._in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self._in_flight)
        try:
            return await self._answer(request)
        except Refused as refusal:
            body = msgspec.json.encode({"__type": refusal.code, "message": refusal.message})
            return web.Response(status=refusal.status, body=body, content_type="application/x-amz-json-1.1")
        finally:
            self._in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """Return what the service says, or what a whim makes of it.

        Raises:
            Refused: it is an error.
        """
        body = await request.read()
        _check_signature(request, body)
        operation = request.headers["X-Amz-Target"].removeprefix(_PREFIX)
        self.asked.append(operation)
        asked: dict[str, Any] = msgspec.json.decode(body)
        key = self._key(asked["KeyId"])
        if operation == "GetPublicKey":
            if key.usage == "KEY":
                raise Refused(400, "UnsupportedOperationException", "it is symmetric")
            return _said({"KeyId": key.arn, "KeySpec": key.spec, "KeyUsage": key.usage, "PublicKey": _text(key.spki),
                          "SigningAlgorithms": ["ECDSA_SHA_256"]})  # fmt: skip
        if operation != "Sign" or (asked["MessageType"], asked["SigningAlgorithm"]) != ("DIGEST", "ECDSA_SHA_256"):
            raise Refused(400, "ValidationException", operation)
        self._met.set()
        whim = self._whims.pop(0) if self._whims else self._lasting
        if self.delay_s:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.delay_s):
                    await self._closed.wait()
        return await self._sign(key, base64.b64decode(asked["Message"], validate=True), whim, request)

    async def _sign(self, key: StandInKey, digest: bytes, whim: Whim | None, request: web.Request) -> web.Response:
        """Return a signature, or what the whim has in its place.

        Raises:
            Refused: it is an error.
        """
        match whim:
            case "throttle" | "fail" | "deny":
                raise Refused(*_REFUSALS[whim])
            case "hang":
                await self._closed.wait()
            case "hang up":
                assert request.transport is not None
                request.transport.close()
            case "garbage":
                return web.Response(body=b"<html>maintenance</html>", content_type="text/html")
            case "no signature":
                self._signed += 1
                nothing = {} if self._signed % 2 else {"Signature": _text(b"no signature")}
                return _said({"KeyId": key.arn, **nothing})
            case _:
                pass
        private = PrivateKey() if whim == "foreign" else key.private
        self._signed += 1
        signature = signed_as_the_service_does(private, digest, is_high=self._signed % 2 == 1)
        return _said({"KeyId": key.arn, "Signature": _text(signature), "SigningAlgorithm": "ECDSA_SHA_256"})

    def _key(self, key_id: str) -> StandInKey:
        """Return a key that can be used.

        Raises:
            Refused: there is none of this id, or it is disabled.
        """
        if key_id not in self._keys:
            raise Refused(400, "NotFoundException", f"Key '{key_id}' does not exist")
        if not self._keys[key_id].is_enabled:
            raise Refused(400, "DisabledException", f"{key_id} is disabled.")
        return self._keys[key_id]


def signed_as_the_service_does(private: PrivateKey, digest: bytes, *, is_high: bool) -> bytes:
    """Return a signature in DER, by a random nonce, whose s is in the upper or in the lower half."""
    chance = os.urandom(32)
    low = private.sign(digest, hasher=None, custom_nonce=(ffi.NULL, ffi.from_buffer(chance)))
    r, s = numbers(low)
    return der(r, ORDER - s if is_high else s)


def numbers(signature: bytes) -> tuple[int, int]:
    """Return r and s of a signature in DER that the library made."""
    length = signature[3]
    return int.from_bytes(signature[4 : 4 + length]), int.from_bytes(signature[6 + length :])


def der(r: int, s: int) -> bytes:
    """Return two numbers as DER writes them (X.690)."""
    parts = [part.to_bytes(part.bit_length() // 8 + 1) for part in (r, s)]
    body = b"".join(bytes([2, len(part)]) + part for part in parts)
    return bytes([0x30, len(body)]) + body


def _check_signature(request: web.Request, body: bytes) -> None:
    """Return when the request is signed by the known key (AWS Signature, version 4).

    Raises:
        Refused: it is not.
    """
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    said = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme != "AWS4-HMAC-SHA256" or not said.get("Credential", "").startswith(f"{ACCESS_KEY}/"):
        raise Refused(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
    names = said["SignedHeaders"].split(";")
    auth = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "kms", REGION)
    signed = AWSRequest(request.method, str(request.url), {name: request.headers[name] for name in names}, body)
    signed.context["timestamp"] = request.headers["X-Amz-Date"]
    expected = auth.signature(auth.string_to_sign(signed, auth.canonical_request(signed)), signed)
    if not {"host", "x-amz-date", "x-amz-target"} <= set(names) or said["Signature"] != expected:
        raise Refused(400, "InvalidSignatureException", "The request signature we calculated does not match.")


def _said(body: dict[str, Any]) -> web.Response:
    """Return an answer of the service."""
    return web.Response(body=msgspec.json.encode(body), content_type="application/x-amz-json-1.1")


def _text(data: bytes) -> str:
    """Return bytes as the protocol writes them."""
    return base64.b64encode(data).decode()
