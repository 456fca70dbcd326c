"""What schemathesis is told, in an environment of its own: it is started, and never imported by us."""
