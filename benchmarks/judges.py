"""Readers of music that have nothing in common with ours, and texts made comparable for both.

Each gives the notes of a file as (onset, length, pitch) in quarter notes, as they are played. ABC: abc2midi
(the Debian package abcmidi) and abcjs (npm); MusicXML: partitura and music21; kern: verovio; MIDI: mido. They
are needed for `benchmarks.reading` alone.
"""

import base64
import io
import json
import re
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import mido

NODE, ABC2MIDI = shutil.which("node"), shutil.which("abc2midi")
SECONDS = 60
HANGING = -1.0
"""The length of a note that is not released."""
FIELD = re.compile(r"[A-Za-z+]:(?![|:])")
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


def of_midi(data: bytes, *, has_drums: bool = True) -> list[Note]:
    """The notes of MIDI as mido reads them; of equal pitches on a channel the first to begin ends first.

    A note that is not released has the length HANGING.

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
            if message.type == "note_on" and message.velocity:
                begun.setdefault(key, []).append(now)
            elif begun.get(key):
                start = begun[key].pop(0)
                notes.append(
                    Note(start / file.ticks_per_beat, (now - start) / file.ticks_per_beat, message.note)
                )
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

    Raises:
        JudgeError: it cannot read it.
    """
    import partitura

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        source = Path(folder) / "score.musicxml"
        source.write_text(text, "utf-8")
        try:
            parts = partitura.load_musicxml(str(source)).parts
            if is_played:
                parts = [partitura.score.unfold_part_maximal(part) for part in parts]
            rows = [row for part in parts for row in part.note_array()]
        except Exception as error:  # of many types
            raise JudgeError(f"partitura: {type(error).__name__}: {error}") from error
    notes = (Note(float(r["onset_quarter"]), float(r["duration_quarter"]), int(r["pitch"])) for r in rows)
    return [note for note in notes if note.length > 0]  # the others are grace notes


def by_music21(text: str) -> list[Note]:
    """The notes of a MusicXML text as music21 reads and expands them; no drums.

    Raises:
        JudgeError: it cannot read it.
    """
    from music21 import converter, note

    notes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for part in converter.parseData(text, format="musicxml").toSoundingPitch().parts:
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


def plain_abc(tune: str) -> str:
    """A tune without ornaments, annotations, chord symbols and made-up drums, which other readers play."""
    tune = re.sub(
        r"^%%MIDI\s+(drum|drumon|drone|droneon|gchord|gchordon|chordattack|ratio)\b.*\n",
        "",
        tune,
        flags=re.MULTILINE,
    )
    return _over_music(tune, _without_ornaments)


def printed_abc(tune: str) -> str:
    """A tune without repeats, endings, jumps and orders of parts: its notes once, as they are printed."""
    lines = [line for line in plain_abc(tune).splitlines() if not line.startswith("P:")]
    return _over_music("\n".join(lines) + "\n", _without_repeats)


def plain_musicxml(text: str) -> str:
    """A score with time that passes in place of its cue notes, which other readers play."""
    return re.sub(r"<note\b(?:(?!</note>).)*<cue\b.*?</note>", _passing, text, flags=re.DOTALL)


def _passing(found: re.Match[str]) -> str:
    length = re.search(r"<duration>[^<]*</duration>", found[0])
    is_extra = "<chord" in found[0] or length is None
    return "" if is_extra or length is None else f"<forward>{length[0]}</forward>"


def printed_musicxml(text: str) -> str:
    """A score without repeats, endings and jumps."""
    text = re.sub(r"<(repeat|ending)\b[^>]*?(/>|>[^<]*</\1>)", "", text)
    text = re.sub(r"<(segno|coda)\b[^>]*?(/>|></\1>)|<words\b[^>]*>[^<]*</words>", "<words/>", text)
    return re.sub(r"\s(dacapo|dalsegno|tocoda|segno|coda|fine)=\"[^\"]*\"", "", text)


def printed_kern(text: str) -> str:
    """A kern text without repeats, orders and labels of sections, and grace notes."""
    lines = []
    for line in text.splitlines():
        if line.startswith("="):
            line = "\t".join("=" + re.sub(r"[^\d=]", "", cell[1:]) for cell in line.split("\t"))  # noqa: PLW2901
        elif line.startswith("*>"):
            line = re.sub(r"\*>[^\t]*", "*", line)  # noqa: PLW2901
        elif not line.startswith(("!", "*")) and re.search(r"[qQ]", line):
            cells = ["." if re.search(r"[qQ]", cell) else cell for cell in line.split("\t")]
            line = "\t".join(cells)  # noqa: PLW2901
            if set(cells) == {"."}:
                continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def _over_music(tune: str, change: object) -> str:
    """The tune with its lines of music changed, outside fields in brackets."""
    lines: list[str] = []
    in_body = False
    for line in tune.splitlines():
        if not in_body or FIELD.match(line) or line.startswith("%"):
            in_body |= line.startswith("K:")
            lines.append(line)
            continue
        pieces = re.split(r"(\[[A-Za-z]:[^\]]*\])", re.sub(r"\"[^\"]*\"", "", line))
        lines.append("".join(p if i % 2 else change(p) for i, p in enumerate(pieces)))  # type: ignore[operator]
    return "\n".join(lines) + "\n"


def _without_ornaments(music: str) -> str:
    music = re.sub(r"\{[^}]*\}|![^!\s|]+!|\+[^+\s|]+\+", "", music)
    return re.sub(r"[~.H-Wh-w!`]", "", music)


def _without_repeats(music: str) -> str:
    music = re.sub(r":*\|[|\]]*:*|::+|\[\|\]?", "|", music)
    return re.sub(r"(\||\[)\s*\d+(?:\s*[,.-]\s*\d+)*", "|", music)


def note_count(text: str) -> int:
    """The notes that a MusicXML text strikes, counted in the text: no grace notes, cues or ends of ties."""
    notes: Iterable[str] = re.findall(r"<note\b.*?</note>", text, flags=re.DOTALL)
    skipped = re.compile(r"<(grace|cue|rest)\b|<tie [^>]*type=\"stop\"")
    return sum(1 for note in notes if not skipped.search(note))
