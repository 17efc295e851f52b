"""The command line: `musegen COMMAND ...`. Each is a module here, loaded only when it is called.

Exit codes: 0 success, 1 a bug in musegen, 2 an error that the user can fix, 130 Ctrl-C, 143 SIGTERM.
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
    "prepare": "make a dataset from music files or a built-in corpus",
    "train": "train a model on a dataset",
    "tune": "search for training settings that suit a dataset",
    "generate": "generate new pieces, or continue a tune",
    "fill": "generate new bars in the gaps of a piece",
    "accompany": "generate accompaniments to a melody",
    "reconstruct": "reconstruct a clip with a clip model (VAE)",
    "interpolate": "interpolate between two clips",
    "vary": "generate variations of a clip",
    "classify": "label music files with a classifier",
    "humanize": "play a score with a performer: timing, velocities and lengths",
    "export": "export a model to ONNX, to run it elsewhere",
    "evaluate": "measure how well a model predicts held-out music",
    "compare": "measure how similar generated music is to real music, without a model",
    "compare-models": "measure models on the same pieces, and draw their learning curves",
    "novelty": "find what music files copy from the training pieces of a model",
    "models": "list the bundled models, which can be named in place of a checkpoint",
    "info": "describe a music file, a dataset or a checkpoint",
    "render": "render music files as pictures, notation, sound, or a page that plays them",
    "demo": "train a small model on fiddle tunes, and try the bundled models",
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
  musegen train seq2seq bach-chorales --out checkpoints/bach
  musegen train vae folk --out checkpoints/clips
  musegen train classifier corpora/ --labels folders --out checkpoints/who"""


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit code; `argv` is without the program's name."""
    with names_spelled(_as_typed):
        try:
            _dispatch(sys.argv[1:] if argv is None else argv)
        except SystemExit as stop:
            # Lightning turns Ctrl-C into an exit with code 1
            if isinstance(stop.__context__, KeyboardInterrupt):
                return _fail(130, "interrupted; what was saved before is kept")
            return stop.code if isinstance(stop.code, int) else 0  # --help, SIGTERM
        except MusegenError as error:
            return _fail(2, str(error))
        except BrokenPipeError:  # the reader of the output has exited, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            return _fail(2, _describe(error))
        except KeyboardInterrupt:
            return _fail(130, "interrupted; what was saved before is kept")
        except Exception as error:  # noqa: BLE001 - last resort: no traceback for the user
            if _is_out_of_memory(error):
                return _fail(
                    2, "not enough memory: try a smaller model, batch (--optim.batch-tokens) or --num"
                )
            return _fail(
                1,
                f"a bug in musegen: {type(error).__name__}: {error}; "
                "please report it, with the output under MUSEGEN_DEBUG=1",
            )
        return 0


def _as_typed(option: str) -> str:
    """How an option is shown on the command line: a positional argument in capitals, or a flag."""
    return option if option.isupper() else f"--{option}"


def run() -> NoReturn:
    """The console script: `main` on the arguments of this process; SIGTERM ends it cleanly."""
    # Threads that spin while they wait slow a busy machine down; torch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it is ignored behind `nohup` and `&`
        signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _report
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on exit Python restores the default handler, which kills
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C interrupts a verb; once the verb has ended, and the exit code is known, it is ignored."""
    del number
    while frame is not None:
        if frame.f_code is _dispatch.__code__:
            raise KeyboardInterrupt
        frame = frame.f_back


def _report(fault: "sys.UnraisableHookArgs") -> None:
    """Print unraisable exceptions, except a Ctrl-C there or while its handler is being replaced."""
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
        importlib.import_module(f"musegen.cli.{verb.replace('-', '_')}").main(rest)
    else:
        kind = "flag" if verb.startswith("-") else "command"
        near = get_close_matches(verb, [*VERBS, "--help", "--version"], n=1)
        hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(VERBS)}"
        raise ConfigError(f"unknown {kind} {verb}: {hint} (musegen --help)")


def _help() -> str:
    verbs = "\n".join(f"  {verb:<16}{what}" for verb, what in VERBS.items())
    about = "Train small models on your own music, and generate new pieces as MIDI."
    usage = "usage: musegen COMMAND ...   (more: musegen COMMAND --help)"
    return f"{usage}\n\n{about}\n\ncommands:\n{verbs}\n\n{EXAMPLES}"


def _describe(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    where = f": {error.filename}" if error.filename else ""
    hint = "; free some space and run it again" if error.errno == errno.ENOSPC else ""
    return f"{what[:1].lower()}{what[1:]}{where}{hint}"


def _is_out_of_memory(error: Exception) -> bool:
    """Python has an exception for it, which torch.save hides behind its own; torch only has words."""
    if isinstance(error, MemoryError) or isinstance(error.__context__, MemoryError):
        return True
    return any(phrase in str(error) for phrase in ("t allocate memory", "out of memory"))


def _fail(code: int, message: str) -> int:
    if os.environ.get("MUSEGEN_DEBUG") == "1":
        traceback.print_exc()
    say(f"error: {' '.join(message.split())}")
    return code
