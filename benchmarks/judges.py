"""Readers of music that have nothing in common with ours.

Each gives the notes of a file as (onset, length, pitch) in quarter notes, as they are played. ABC: abc2midi
(the Debian package abcmidi) and abcjs (npm); MusicXML: partitura, MuseScore 3 (the Debian package musescore3)
and music21; kern: verovio, partitura and music21; MIDI: mido. Only `benchmarks.reading` needs them.
"""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import mido

from benchmarks.comparable import NOTE

NODE, ABC2MIDI, MUSESCORE = (shutil.which(name) for name in ("node", "abc2midi", "mscore3"))
SECONDS = 60
CLOSE = 0.03
"""Times that are nearer, in quarter notes, are the same."""
TIED_OVER = 8.0
"""The longest rest over which a tie is followed, in quarter notes."""
HANGING = -1.0
"""The length of a note that is not released."""
_ABCJS = """
const abcjs = require(process.argv[1]);
const text = require("fs").readFileSync(0, "utf8");
const tune = abcjs.parseOnly(text)[0];
const audio = tune.setUpAudio({ chordsOff: true });
const notes = [];
for (const track of audio.tracks) for (const e of track)
  if (e.cmd === "note") notes.push([e.start * 4, (e.duration + (e.gap || 0)) * 4, e.pitch]);
console.log(JSON.stringify(notes));
"""


class Note(NamedTuple):
    """A note; times in quarter notes."""

    onset: float
    length: float
    pitch: int


class JudgeError(Exception):
    """The other reader cannot read it."""


def of_midi(data: bytes, *, has_drums: bool = True, is_struck_again: bool = False) -> list[Note]:
    """The notes of MIDI as mido reads them; a note that is not released has the length HANGING.

    Of equal pitches on a channel the first to begin ends first, or with `is_struck_again` ends where the
    next begins: both are found, and MIDI does not say.

    Raises:
        JudgeError: mido cannot read it.
    """
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except Exception as error:  # mido raises many types
        raise JudgeError(f"mido: {error}") from error
    notes = []
    for track in file.tracks:
        now = 0
        begun: dict[tuple[int, int], list[int]] = {}
        for message in track:
            now += message.time
            if message.type not in ("note_on", "note_off") or (message.channel == 9 and not has_drums):
                continue
            key = message.channel, message.note
            is_on = message.type == "note_on" and message.velocity
            if begun.get(key) and (is_struck_again or not is_on):
                start = begun[key].pop(0)
                notes.append(
                    Note(start / file.ticks_per_beat, (now - start) / file.ticks_per_beat, message.note)
                )
            if is_on:
                begun.setdefault(key, []).append(now)
        notes += [
            Note(start / file.ticks_per_beat, HANGING, key[1])
            for key, left in begun.items()
            for start in left
        ]
    return notes


def by_abc2midi(tune: str) -> list[Note]:
    """The notes of an ABC tune as abc2midi plays them.

    Raises:
        JudgeError: it makes no file of it.
    """
    text = re.sub(r"^X:.*$", "X:1", tune, flags=re.MULTILINE)
    text = re.sub(r"^R:.*\n", "", text, flags=re.MULTILINE)  # it swings hornpipes
    text = re.sub(r"^K:", "%%MIDI chordattack 0\nK:", text, count=1, flags=re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "tune.abc", Path(folder) / "tune.mid"
        source.write_text(text if text.startswith("X:") or "\nX:" in text else f"X:1\n{text}", "utf-8")
        words = [ABC2MIDI or "abc2midi", str(source), "1", "-NFNP", "-o", str(made)]
        subprocess.run(words, check=False, capture_output=True, timeout=SECONDS)
        if not made.is_file():
            raise JudgeError("abc2midi makes no file")
        return of_midi(made.read_bytes())


def by_abcjs(tune: str, package: Path) -> list[Note]:
    """The notes of an ABC tune as abcjs plays them.

    Args:
        tune: its text.
        package: the folder of abcjs in node_modules.

    Raises:
        JudgeError: it fails.
    """
    words = [NODE or "node", "-e", _ABCJS, str(package.resolve())]
    done = subprocess.run(words, input=tune, check=False, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise JudgeError(f"abcjs: {done.stderr.strip().splitlines()[-1:]}")
    return [Note(*row) for row in json.loads(done.stdout)]


def by_partitura(text: str, *, is_played: bool) -> list[Note]:
    """The notes of a MusicXML text as partitura reads them, with its repeats or without; no drums.

    Ties are followed here, by what the text says of each note: partitura joins those within a voice alone.

    Raises:
        JudgeError: it cannot read it.
    """
    import partitura

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        source = Path(folder) / "score.musicxml"
        source.write_text(NOTE.sub(_Ties(), text), "utf-8")
        try:
            parts = partitura.load_musicxml(str(source)).parts
            if is_played:
                parts = [partitura.score.unfold_part_maximal(part) for part in parts]
            return [note for part in parts for note in _tied(part.note_array())]
        except Exception as error:  # of many types
            raise JudgeError(f"partitura: {type(error).__name__}: {error}") from error


class _Ties:
    """Writes the ties of notes into their ids: t for one that is tied, c for one that continues."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, found: re.Match[str]) -> str:
        self.count += 1
        kinds = set(re.findall(r"<tie [^>]*type=\"(\w+)\"", found[0]))
        flags = "t" * ("start" in kinds) + "c" * ("stop" in kinds)
        head, _, rest = re.sub(r"<tied?\b[^>]*?(/>|></tied?>)", "", found[0]).partition(">")
        head = re.sub(r"\sid=\"[^\"]*\"", "", head)
        return f'{head} id="n{self.count}{flags}">{rest}'


def _tied(rows: Any) -> list[Note]:
    """The notes of the rows of partitura's note array, each joined to the one that it continues."""
    notes: list[Note] = []
    tied: dict[int, list[tuple[str, int]]] = {}
    for row in sorted(rows, key=lambda row: float(row["onset_quarter"])):
        note = Note(float(row["onset_quarter"]), float(row["duration_quarter"]), int(row["pitch"]))
        if note.length <= 0:  # a grace note
            continue
        flags, voice = str(row["id"]).partition("-")[0].lstrip("n0123456789"), str(row["voice"])
        ends = [(notes[i].onset + notes[i].length, v == voice, v, i) for v, i in tied.get(note.pitch, [])]
        over = [end for end in ends if note.onset - TIED_OVER <= end[0] <= note.onset + CLOSE]
        if "c" in flags and over:
            _, _, other, index = max(over, key=lambda end: (round(end[0], 2), end[1]))
            tied[note.pitch].remove((other, index))
            notes[index] = notes[index]._replace(length=note.onset + note.length - notes[index].onset)
        else:
            index = len(notes)
            notes.append(note)
        if "t" in flags:
            tied.setdefault(note.pitch, []).append((voice, index))
    return notes


def by_musescore(text: str) -> list[Note]:
    """The notes of a MusicXML text as MuseScore 3 plays them; no drums.

    Raises:
        JudgeError: it makes no file.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "score.musicxml", Path(folder) / "score.mid"
        source.write_text(text, "utf-8")
        words = [MUSESCORE or "mscore3", "-o", str(made), str(source)]
        quiet = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
        subprocess.run(words, check=False, capture_output=True, timeout=SECONDS, env=quiet)
        if not made.is_file():
            raise JudgeError("MuseScore makes no file")
        return of_midi(made.read_bytes(), has_drums=False)


def kern_by_partitura(text: str) -> list[Note]:
    """The notes of a kern text as partitura reads them, as printed.

    Raises:
        JudgeError: it cannot read it.
    """
    import partitura

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        source = Path(folder) / "score.krn"
        source.write_text(text, "utf-8")
        try:
            rows = [row for part in partitura.load_kern(str(source)).parts for row in part.note_array()]
        except Exception as error:  # of many types
            raise JudgeError(f"partitura: {type(error).__name__}: {error}") from error
    return [Note(float(r["onset_quarter"]), float(r["duration_quarter"]), int(r["pitch"])) for r in rows]


def by_music21(text: str) -> list[Note]:
    """The notes of a MusicXML or kern text as music21 reads and expands them; no drums.

    Raises:
        JudgeError: it cannot read it.
    """
    from music21 import converter, note

    notes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            form = "musicxml" if "<" in text[:100] else "humdrum"
            for part in converter.parseData(text, format=form).toSoundingPitch().parts:
                for element in part.expandRepeats().stripTies().flatten().notes:
                    for each in getattr(element, "notes", [element]):
                        if isinstance(each, note.Note) and not element.duration.isGrace:
                            length = float(element.quarterLength)
                            notes.append(Note(float(element.offset), length, int(each.pitch.midi)))
        except Exception as error:  # of many types
            raise JudgeError(f"music21: {type(error).__name__}: {error}") from error
    return notes


def by_verovio(text: str) -> list[Note]:
    """The notes of a kern text as verovio plays them, without repeats.

    Raises:
        JudgeError: it cannot read it.
    """
    import verovio

    toolkit = verovio.toolkit()
    verovio.enableLog(verovio.LOG_OFF)
    toolkit.setOptions({"inputFrom": "humdrum", "expandNever": True})
    if not toolkit.loadData(text):
        raise JudgeError("verovio cannot read it")
    return of_midi(base64.b64decode(toolkit.renderToMIDI()))
