"""Generated from proto/ by `nox -s generate`: the synchronous contract."""
