"""Generated: the protobuf package `cashback`."""
