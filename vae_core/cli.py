"""The command line: finds the command, and turns every error a person can put right into one line.

Each command is a module ``vae_core.cli_<command>`` with ``configure(parser)`` and ``run(arguments)``; only the one
that was asked for is imported, so that a list of commands does not wait for torch.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from vae_core.errors import LatentExplorerError

COMMANDS = {
    "models": "list the bundled models and their figures",
    "train": "train a model in a run directory",
    "evaluate": "measure a model on a data set, in nats per image",
    "decode": "write the mean image of p(x|z) at one z",
    "geodesic": "measure the shortest way between two z by the images along it",
    "runs": "list, show, steer, fork and check training runs",
    "zoo": "train and measure the bundled models again",
    "bench": "measure speed on this machine, and the likelihood that training reaches",
}
WRONG = 2
"""Exit status for what the person got wrong."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

_NEGATIVE = re.compile(r"-(\d|\.\d|inf|nan)")


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are errors like any other, so that they take one line."""

    def error(self, message: str) -> NoReturn:
        raise LatentExplorerError(f"{message}; see `{self.prog} --help`")

    def print_help(self, file: Any = None) -> None:
        super().print_help(file)
        # So that `main` learns now, and not Python as it exits, that nobody reads any more.
        sys.stdout.flush()


def build_parser(command: str | None) -> Parser:
    """Return the parser of all commands, with the options of ``command`` alone."""
    parser = Parser(prog="python -m vae_core", description="Train, measure and look into (variational) autoencoders.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for name, summary in COMMANDS.items():
        text = summary[0].upper() + summary[1:] + "."
        of_command = commands.add_parser(name, help=summary, description=text, allow_abbrev=False)
        if name == command:
            import_module(f"vae_core.cli_{name}").configure(of_command)
    return parser


def join_negative_values(argv: Sequence[str]) -> list[str]:
    """Write ``--z -0.5,1`` as ``--z=-0.5,1``, which argparse does not mistake for an option."""
    joined: list[str] = []
    for argument in argv:
        takes_value = joined and joined[-1].startswith("--") and "=" not in joined[-1] and len(joined[-1]) > 2
        if takes_value and _NEGATIVE.match(argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 2 after ``error: ...`` in one line, 130 after Ctrl-C."""
    arguments = join_negative_values(sys.argv[1:] if argv is None else argv)
    command = next((argument for argument in arguments if not argument.startswith("-")), None)
    try:
        parsed = build_parser(command).parse_args(arguments)
        import_module(f"vae_core.cli_{parsed.command}").run(parsed)
        sys.stdout.flush()
    except LatentExplorerError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return WRONG
    except KeyboardInterrupt as interrupt:
        # The terminal has written ^C; the message gets a line of its own.
        print("\n" * sys.stderr.isatty() + "interrupted", *interrupt.args, sep="; ", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left (`| head`); Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0
