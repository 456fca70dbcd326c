"""Generated: the registry of all messages."""

import betterproto2

default_message_pool = betterproto2.MessagePool()
