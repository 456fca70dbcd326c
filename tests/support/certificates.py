"""An authority that lives as long as a test, and the certificates it signs; made by the `openssl` program."""

import subprocess
from pathlib import Path
from typing import Final

import msgspec

HOST: Final = "127.0.0.1"
_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


class Certificate(msgspec.Struct, frozen=True):
    """PEM files: a certificate, its key, and the authority that signed it."""

    cert: str
    key: str
    ca: str


class Authority:
    """Signs certificates into a folder of its own."""

    def __init__(self, folder: Path, *, name: str = "authority of a test") -> None:
        """Make the authority's own certificate and key."""
        folder.mkdir(parents=True)
        self._folder = folder
        _openssl("req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", self._path("ca.key"),
                 "-out", self._path("ca.pem"))  # fmt: skip

    def sign(self, name: str, *, days: int = 2) -> Certificate:
        """Return a certificate for `name`, good for this machine; with negative days it has expired."""
        key, request, cert = (self._path(f"{name}.{ending}") for ending in ("key", "csr", "pem"))
        extensions = Path(self._path(f"{name}.ext"))
        extensions.write_text(f"subjectAltName=DNS:{name},DNS:localhost,IP:{HOST}\n")
        _openssl("req", *_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self._path("ca.pem"), "-CAkey", self._path("ca.key"),
                 "-days", str(days), "-extfile", str(extensions), "-out", cert)  # fmt: skip
        return Certificate(cert, key, self._path("ca.pem"))

    def _path(self, name: str) -> str:
        """Return where a file stands."""
        return str(self._folder / name)


def _openssl(*words: str) -> None:
    """Run the program; it says what is wrong when something is."""
    subprocess.run(["openssl", *words], check=True, capture_output=True)
