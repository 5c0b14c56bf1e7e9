"""The commands together, and what every one of them promises: exit codes, errors, one JSON object."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence

import typer
from typer.core import TyperGroup
from typer.main import get_command

from regraft.cli import output
from regraft.cli.demo import demo
from regraft.cli.evaluate import evaluate
from regraft.cli.export import export
from regraft.cli.fewshot import fewshot
from regraft.cli.fit import fit
from regraft.cli.languages import languages
from regraft.cli.match import match
from regraft.cli.multitask import multitask
from regraft.cli.predict import predict
from regraft.cli.pretrain import pretrain
from regraft.cli.search import search
from regraft.cli.show import show
from regraft.cli.zeroshot import zeroshot
from regraft.cli.zoo import zoo
from regraft.errors import BadArgument, OutOfSpace, RegraftError

DONE, OUR_FAILURE, CALLERS_MISTAKE, STOPPED, UNREAD = 0, 1, 2, 130, 141

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSALS = _FULL | {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP}

app = typer.Typer(
    name="regraft",
    help="Opens a trained network, reuses the layers you name and trains the rest on your data.",
    epilog="Exit codes: 0 done, 1 a fault in regraft, 2 a mistake in the call or a bad file, 130 stopped by Ctrl-C, "
    "141 nobody reads the output any more.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
_LEARN = (fit, search, multitask, languages, fewshot, zeroshot, pretrain)
for _command in (show, match, *_LEARN, predict, evaluate, export, demo):
    app.command()(_command)
app.add_typer(zoo)


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; returns its exit code.

    With --json, standard output holds one JSON object whatever happens but Ctrl-C: the result, or {"error": {...}}.
    """
    warnings.showwarning = _warned
    try:
        return _carried_out(arguments)
    except (BrokenPipeError, SystemExit):  # typer turns the first into the second; nothing else raises it here
        _drop_unread()
        return UNREAD


def _carried_out(arguments: Sequence[str]) -> int:
    try:
        code = app(list(arguments) or ["--help"], prog_name="regraft", standalone_mode=False) or DONE
        sys.stdout.flush()  # what nobody will read must be found out here, not when Python ends
        return code
    except BrokenPipeError:
        raise
    except typer.TyperException as usage:
        error = BadArgument(usage.format_message(), fix=f"{_command_called(arguments)} --help lists what it takes")
        return _failed(arguments, CALLERS_MISTAKE, error)
    except RegraftError as error:
        return _failed(arguments, CALLERS_MISTAKE, error)
    except Exception as error:
        if _is_interrupted(error):
            return STOPPED
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            return _failed(arguments, CALLERS_MISTAKE, _refusal(error))
        traceback.print_exc()
        fault = RegraftError(
            f"regraft failed: {type(error).__name__}: {error}",
            fix="this is a fault in regraft, not in your call; please report it with the lines above",
        )
        return _failed(arguments, OUR_FAILURE, fault)


def _is_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error: an extension that is being loaded makes one of its own of it."""
    behind = error.__cause__ or error.__context__
    return behind is not None and (isinstance(behind, KeyboardInterrupt) or _is_interrupted(behind))


def _drop_unread() -> None:
    """Let what is left of the output vanish quietly where its reader is gone, as `head` is after ten lines."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _warned(message: Warning | str, *_: object) -> None:
    """A warning as a person reads it: its text, not the line of code it comes from."""
    output.say(f"note: {message}")


def _refusal(error: OSError) -> RegraftError:
    """What the operating system refuses, in our form: no fault of regraft's."""
    kind = OutOfSpace if error.errno in _FULL else BadArgument
    where = None if error.filename is None else os.fsdecode(error.filename)
    return kind(f"the system refuses: {error.strerror}", where=where)


def _failed(arguments: Sequence[str], code: int, error: RegraftError) -> int:
    output.say(str(error))
    if "--json" in arguments:
        output.emit({"error": output.error_record(error)})
    return code


def _command_called(arguments: Sequence[str]) -> str:
    """The command that a line calls, as far as there is one."""
    called, command = ["regraft"], get_command(app)
    for word in arguments:
        if not isinstance(command, TyperGroup) or word not in command.commands:
            break
        command = command.commands[word]
        called.append(word)
    return shlex.join(called)
