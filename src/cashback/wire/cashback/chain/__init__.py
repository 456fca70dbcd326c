"""Generated: the protobuf package `cashback.chain`."""
