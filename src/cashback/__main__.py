"""The `cashback` command."""

import sys

from cashback.cli import command


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(command.run(sys.argv[1:]))


if __name__ == "__main__":
    main()
