"""Whom a client takes for the server: over TLS whoever the machine's certificates vouch for."""

import ssl


def trusted(url: str) -> ssl.SSLContext | bool:
    """Return what httpx is to verify the server at `url` by: True stands for the machine's certificates.

    Over plain HTTP there is nobody to verify, and to read them all takes 24 ms, which is longer than a call.
    """
    # One that trusts nobody, rather than everybody: it is asked for nothing, and should it be, it refuses.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") else True
