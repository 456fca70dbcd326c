"""The `cashback` command."""

import sys

_EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        # Imported here: it takes a tenth of a second, in which somebody may change their mind.
        from cashback.cli import command

        code = command.run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("cashback: interrupted\n")
        code = _EXIT_INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()
