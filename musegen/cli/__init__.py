"""The command line: `musegen VERB ...`. Each verb is a module here, loaded only when it is called.

Exit codes: 0 done, 1 a fault of musegen, 2 something the user can mend, 130 Ctrl-C, 143 SIGTERM.
Results go to stdout; progress, messages and errors go to stderr.
"""

import errno
import importlib
import os
import signal
import sys
import traceback
from difflib import get_close_matches
from types import FrameType
from typing import NoReturn

from musegen import __version__
from musegen.console import say
from musegen.errors import ConfigError, MusegenError, names_spelled

VERBS = {
    "prepare": "make a dataset of music files, or of a built-in corpus",
    "train": "train a model on a dataset",
    "generate": "write new pieces, or continue a tune",
    "accompany": "write the rest of the music to a given tune",
    "reconstruct": "a clip of a tune as a model of clips gives it back",
    "interpolate": "from one clip to another, step by step",
    "vary": "clips like a given one, or with more or less of something",
    "evaluate": "measure how well a model predicts music that it has not seen",
    "compare": "measure how like generated music is to real music, without a model",
    "novelty": "find what files copy of the music that a model learnt from",
    "models": "what is installed, and can be named wherever a checkpoint is wanted",
    "info": "say what a music file, a dataset or a checkpoint holds",
    "render": "music files as pictures; on request as notation, as sound, as a page that plays them",
    "demo": "all of it once, small, on 1,059 fiddle tunes",
}

EXAMPLES = """\
examples:
  musegen demo
  musegen generate folk --key "E minor" --bars 32 --num 4 --out out/
  musegen accompany chorale tune.mid --out out/
  musegen interpolate folk-vae a.mid b.mid --num 9 --out out/
  musegen prepare my_midis/ --out datasets/mine
  musegen train lm datasets/mine --out checkpoints/mine
  musegen generate checkpoints/mine --bars 16 --num 8 --out out/
  musegen train seq2seq bach-chorales --out checkpoints/choir
  musegen train vae folk --out checkpoints/clips"""


INPUTS = {"clip": "FILE", "tune": "FILE"}
"""How options are typed that are no flags."""


def main(argv: list[str] | None = None) -> int:
    """Carry out one command line and return its exit code; `argv` leaves out the program's name."""
    with names_spelled(_as_typed):
        try:
            _dispatch(sys.argv[1:] if argv is None else argv)
        except SystemExit as stop:
            if isinstance(
                stop.__context__, KeyboardInterrupt
            ):  # Lightning turns Ctrl-C into an exit with code 1
                return _fail(130, "interrupted; what was saved before is kept")
            return stop.code if isinstance(stop.code, int) else 0  # --help, SIGTERM
        except MusegenError as error:
            return _fail(2, str(error))
        except BrokenPipeError:  # the reader of our output has left, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            return _fail(2, _describe(error))
        except KeyboardInterrupt:
            return _fail(130, "interrupted; what was saved before is kept")
        except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback for a user
            if _is_out_of_memory(error):
                return _fail(
                    2, "not enough memory: try a smaller model, batch (--optim.batch-tokens) or --num"
                )
            return _fail(
                1,
                f"a fault of musegen, not of yours: {type(error).__name__}: {error}; "
                "please report it, with what MUSEGEN_DEBUG=1 prints",
            )
        return 0


def _as_typed(option: str) -> str:
    """How an option is named on the command line: a place in capitals, or a flag."""
    return INPUTS.get(option, option if option.isupper() else f"--{option}")


def run() -> NoReturn:
    """The console script: `main` on the arguments of this process; SIGTERM ends it tidily."""
    # Threads that wait by spinning cost a busy machine most of its speed; read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it is ignored behind `nohup` and `&`
        signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _report
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python puts the default, which kills, back as it ends
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C ends the work of a verb; once that has ended, and the exit code is settled, it is not heard."""
    del number
    while frame is not None:
        if frame.f_code is _dispatch.__code__:
            raise KeyboardInterrupt
        frame = frame.f_back


def _report(fault: "sys.UnraisableHookArgs") -> None:
    """What cannot be raised is printed, but not a Ctrl-C that fell there, or in a change of its handler."""
    is_race = isinstance(fault.exc_value, OSError) and "race condition" in str(fault.exc_value)
    if fault.exc_type is not KeyboardInterrupt and not is_race:
        sys.__unraisablehook__(fault)


def _dispatch(argv: list[str]) -> None:
    verb, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    if verb in ("-h", "--help", "help"):
        print(_help())
    elif verb in ("-V", "--version"):
        print(f"musegen {__version__}")
    elif verb in VERBS:
        importlib.import_module(f"musegen.cli.{verb}").main(rest)
    else:
        kind = "flag" if verb.startswith("-") else "verb"
        near = get_close_matches(verb, [*VERBS, "--help", "--version"], n=1)
        hint = f"did you mean {near[0]}?" if near else f"the verbs are {', '.join(VERBS)}"
        raise ConfigError(f"unknown {kind} {verb}: {hint} (musegen --help)")


def _help() -> str:
    verbs = "\n".join(f"  {verb:<13}{what}" for verb, what in VERBS.items())
    about = "Train small models on your own music and have them write new pieces as MIDI."
    usage = "usage: musegen VERB ...   (musegen VERB --help says more)"
    return f"{usage}\n\n{about}\n\nverbs:\n{verbs}\n\n{EXAMPLES}"


def _describe(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    where = f": {error.filename}" if error.filename else ""
    hint = "; free some space and run it again" if error.errno == errno.ENOSPC else ""
    return f"{what[:1].lower()}{what[1:]}{where}{hint}"


def _is_out_of_memory(error: Exception) -> bool:
    """Python has an exception of its own for it, torch says it in words, on the CPU and on a GPU."""
    words = ("t allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(each in str(error) for each in words)


def _fail(code: int, message: str) -> int:
    if os.environ.get("MUSEGEN_DEBUG") == "1":
        traceback.print_exc()
    say(f"error: {' '.join(message.split())}")
    return code
