"""Where the REST API is that verbs ask, and with which key."""

import msgspec

from cashback.kernel.config import HttpUrl, Secret


class RestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the REST API is, and with which key."""

    api_url: HttpUrl
    api_key: Secret
