"""`baken`: the command line. Verbs over the same client as the console; parsing and printing only."""

from __future__ import annotations

import sys

from starter.errors import as_problem


def main() -> None:
    """Run a command; a problem is one line on stderr and its exit code, never a traceback."""
    from starter.cli.app import app

    try:
        app()
    except Exception as error:
        problem = as_problem(error)
        if problem is None:
            raise
        print(f"baken: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
