"""The command `regraft`: one file a command, a few lines each around one public verb.

Nothing heavy is imported before a command runs: `regraft --help` answers at once.
"""

import sys


def main() -> None:
    """The entry of the console script."""
    from regraft.cli.app import run

    sys.exit(run(sys.argv[1:]))
