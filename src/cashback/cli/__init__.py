"""The `cashback` command line: one file per group of verbs, each verb imports its process only when it is called."""
