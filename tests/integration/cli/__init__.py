"""Every verb of the command line against one running `cashback dev`, which ends with the last test of this folder."""
