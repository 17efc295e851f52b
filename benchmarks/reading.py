"""Does our reader read what others read? Files of notation and MIDI, through ours and an independent one.

    python -m benchmarks.reading FOLDER [--out FILE] [--every N] [--abcjs FOLDER] [--propagate MODE]

Every piece is read by us before its metre is tidied, and by the readers of `benchmarks.judges`: one that
agrees is enough. Notes are compared by onset, length and pitch (to 0.03 quarters, up to a constant); drums of
notation are left out. Where they differ as played, they are compared as printed, without repeats and jumps;
for MusicXML the order of the measures is then compared alone.
Prints the classes of agreement, with examples of each that is not "same", and the slowest piece. Results are
appended to --out, a line a piece, and what stands there is not read again.
"""

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple

from symusic import Score

from benchmarks import comparable, judges
from benchmarks.judges import CLOSE, JudgeError, Note
from benchmarks.runner import benchmark
from musegen.errors import MidiError
from musegen.music.reading.abc.tune import parse_abc
from musegen.music.reading.guard import read_bytes, xml_text
from musegen.music.reading.humdrum.score import parse_kern
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.musicxml.score import parse_musicxml
from musegen.music.reading.read import FORMATS, SUFFIXES, decoded, tunes_of

EXAMPLES = 3
BOTH = "same, in print and in order"
MENDED = "the same if short brackets reach their repeat sign"


class Piece(NamedTuple):
    """One piece of a file."""

    name: str
    path: Path
    text: str | None
    """Of a tune in ABC; None: the file."""


def pieces(folder: Path, every: int) -> Iterator[Piece]:
    """Every piece of music under a folder, or one of so many."""
    paths = (
        [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    )
    found: list[Piece] = []
    for path in paths:
        name = path.name if folder.is_file() else path.relative_to(folder).as_posix()
        if FORMATS.get(path.suffix.lower()) == "abc":
            found += [Piece(f"{name}#{n}", path, tune) for n, tune in enumerate(tunes_of(path), start=1)]
        else:
            found.append(Piece(name, path, None))
    yield from found[::every]


def notes_of(score: Score, *, has_drums: bool) -> list[Note]:
    """The notes of a Score in quarter notes."""
    return [
        Note(n.time / score.tpq, n.duration / score.tpq, n.pitch)
        for track in score.tracks
        if has_drums or not track.is_drum
        for n in track.notes
    ]


def heard(notes: Sequence[Note]) -> list[Note]:
    """The notes as one instrument sounds them: a pitch that is struck again while it sounds ends there.

    What was left of it goes on in the new note, and of two that begin at once the longer stays: readers
    write unisons of several voices in different ways, which sound alike.
    """
    kept: list[Note] = []
    last: dict[int, int] = {}
    for note in sorted(notes, key=lambda n: (n.onset, -n.length)):
        before = kept[last[note.pitch]] if note.pitch in last else None
        if before is not None and note.onset < before.onset + CLOSE:
            continue
        if before is not None and before.onset + before.length > note.onset + CLOSE:
            end = max(before.onset + before.length, note.onset + note.length)
            kept[last[note.pitch]] = before._replace(length=note.onset - before.onset)
            note = note._replace(length=end - note.onset)  # noqa: PLW2901  the same note, longer
        last[note.pitch] = len(kept)
        kept.append(note)
    return kept


def compared(ours: Sequence[Note], theirs: Sequence[Note]) -> tuple[str, str]:
    """The class of agreement of two readings, and the first difference in words."""
    ours, theirs = heard(ours), heard(theirs)
    if not ours or not theirs:
        return (
            ("same", "")
            if len(ours) == len(theirs)
            else ("nothing read", f"{len(ours)} and {len(theirs)} notes")
        )
    later = min(n.onset for n in theirs) - min(n.onset for n in ours)
    left, right = (
        sorted(
            (Note(n.onset - shift, n.length, n.pitch) for n in notes),
            key=lambda n: (round(n.onset * 8), n.pitch),
        )
        for notes, shift in ((ours, 0.0), (theirs, later))
    )
    pairs = zip(left, right, strict=False)
    first = next((pair for pair in pairs if not _alike(*pair)), (left[-1], right[-1]))
    words = "{0.onset:.2f}:{0.pitch} ({0.length:.2f}) and {1.onset:.2f}:{1.pitch} ({1.length:.2f})".format(
        *first
    )
    if len(left) != len(right):
        return (
            "notes more" if len(left) > len(right) else "notes fewer"
        ), f"{len(left)} and {len(right)}; {words}"
    if all(_alike(*pair) for pair in zip(left, right, strict=True)):
        return "same", ""
    if all(_alike(a, b._replace(length=a.length)) for a, b in zip(left, right, strict=True)):
        return "lengths", words
    is_time = [n.pitch for n in sorted(ours)] == [n.pitch for n in sorted(theirs)]
    return ("times" if is_time else "pitches"), words


def _alike(a: Note, b: Note) -> bool:
    is_long = judges.HANGING in (a.length, b.length) or abs(a.length - b.length) < CLOSE
    return abs(a.onset - b.onset) < CLOSE and is_long and a.pitch == b.pitch


Readings = tuple[Callable[[], Score], list[Callable[[], list[Note]]]]
"""Our reading, and those of the others."""


def readings(piece: Piece, abcjs: Path | None, propagate: str) -> list[Readings]:
    """The readings of a piece as played; for notation, as printed too; and for MusicXML, of the order alone.

    Raises:
        MidiError: it is no text, or no archive with a score.
    """
    form = FORMATS.get(piece.path.suffix.lower())
    if form == "abc":
        texts = (change(piece.text or "") for change in (comparable.plain_abc, comparable.printed_abc))
        return [_of_abc(text, abcjs, propagate) for text in texts]
    data = read_bytes(piece.path)
    if form is None:
        others = [partial(judges.of_midi, data, is_struck_again=each) for each in (False, True)]
        return [((lambda: parse_midi(data)[0]), others)]
    if form == "kern":
        text = comparable.printed_kern(decoded(data))
        of_kern = (judges.by_verovio, judges.kern_by_partitura, judges.by_music21)
        return [((lambda: parse_kern(text).score), [partial(judge, text) for judge in of_kern])]
    text = comparable.plain_musicxml(xml_text(data))
    flat, order = comparable.printed_musicxml(text), comparable.order_musicxml(text)
    mended = comparable.mended_musicxml(order)
    whole, whole_flat = comparable.aligned_musicxml(text), comparable.aligned_musicxml(flat)
    orders = (judges.by_musescore, partial(judges.by_partitura, is_played=True), judges.by_music21)
    return [
        ((lambda: parse_musicxml(text).score), [partial(judges.by_partitura, whole, is_played=True)]),
        (
            (lambda: parse_musicxml(flat).score),
            [partial(judges.by_partitura, each, is_played=False) for each in (flat, whole_flat)],
        ),
        ((lambda: parse_musicxml(order).score), [partial(judge, order) for judge in orders]),
        ((lambda: parse_musicxml(order).score), [partial(judges.by_musescore, mended)]),
    ]


def _of_abc(text: str, abcjs: Path | None, propagate: str) -> Readings:
    said = text.replace("\nK:", f"\n%%propagate-accidentals {propagate}\nK:", 1)
    others: list[Callable[[], list[Note]]] = [partial(judges.by_abc2midi, said)]
    if abcjs is not None:
        others.append(partial(judges.by_abcjs, said, abcjs))
    return (lambda: parse_abc(text, propagate).score), others


def judged(piece: Piece, *, abcjs: Path | None, propagate: str) -> dict[str, Any]:
    """How the readings of a piece compare."""
    begin = time.process_time()
    row: dict[str, Any] = {"piece": piece.name, "notes": 0, "found": "", "words": ""}
    has_drums = FORMATS.get(piece.path.suffix.lower()) in (None, "abc")
    try:
        played, *others = readings(piece, abcjs, propagate)
        ours = notes_of(played[0](), has_drums=has_drums)
    except MidiError as error:
        return row | {"found": "refused", "words": str(error), "seconds": time.process_time() - begin}
    row |= {"notes": len(ours), "seconds": time.process_time() - begin}
    found, words = _best(ours, played[1])
    if found != "same" and others:
        results = [_best(notes_of(read(), has_drums=has_drums), them) for read, them in others]
        found, words = _in_parts(words, *results)
    if FORMATS.get(piece.path.suffix.lower()) == "musicxml":
        flat_text = comparable.printed_musicxml(xml_text(read_bytes(piece.path)))
        counted = comparable.note_count(flat_text)
        row["uncounted"] = parse_musicxml(flat_text).score.note_num() - counted
    return row | {"found": found, "words": words}


def _in_parts(words: str, printed: tuple[str, str], *orders: tuple[str, str]) -> tuple[str, str]:
    """The class of a piece whose readings differ as it is played, from those of its print and its order."""
    if printed[0] != "same":
        return f"{printed[0]}, as printed", printed[1]
    if not orders:
        return "order of playing", words
    (order, words), (mended, _) = orders
    if order == "same":
        return BOTH, ""
    return MENDED if mended == "same" else "order of playing", words


def _best(ours: list[Note], others: list[Callable[[], list[Note]]]) -> tuple[str, str]:
    """The agreement with the reader that agrees best."""
    results = []
    for other in others:
        try:
            results.append(compared(ours, other()))
        except (JudgeError, OSError, ValueError) as error:
            results.append(("not read by the other", f"{error}"))
        if results[-1][0] == "same":
            break
    return min(results, key=lambda result: (result[0] != "same", result[0].startswith("not read")))


def show(rows: list[dict[str, Any]]) -> str:
    """The classes, examples of each, and the slowest piece."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["found"]].append(row)
    lines = []
    for found, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        lines.append(f"{len(group):6} {len(group) / len(rows):7.2%}  {found}")
        if found not in ("same", BOTH):
            lines += [f"                 {row['piece']}: {row['words']}" for row in group[:EXAMPLES]]
    counts = [row for row in rows if row.get("uncounted")]
    if counts:
        lines.append(
            f"{len(counts):6} {len(counts) / len(rows):7.2%}  other than a count of the notes in the text"
        )
        lines += [f"                 {row['piece']}: {row['uncounted']:+} notes" for row in counts[:EXAMPLES]]
    slowest = max(rows, key=lambda row: float(row["seconds"]))
    lines.append(
        f"{len(rows)} pieces; slowest {slowest['piece']}: {slowest['seconds']:.2f} s of processor time"
    )
    return "\n".join(lines)


@benchmark(show)
def main(
    folder: Path,
    /,
    *,
    out: Path | None = None,
    every: int = 1,
    abcjs: Path | None = None,
    propagate: Literal["pitch", "octave", "not"] = "pitch",
    workers: int = 2,
) -> list[dict[str, Any]]:
    """Read every piece in two ways and compare.

    Args:
        folder: the music, or one file
        out: a file of results, which are appended; what stands in it is not read again
        every: one piece of so many
        abcjs: the folder of the npm package abcjs, as a further reader of ABC
        propagate: how far an accidental holds in ABC that does not say
        workers: processes
    """
    done = [json.loads(line) for line in out.read_text("utf-8").splitlines()] if out and out.exists() else []
    known = {row["piece"] for row in done}
    left = [piece for piece in pieces(folder, every) if piece.name not in known]
    judge = partial(judged, abcjs=abcjs, propagate=propagate)
    with get_context("spawn").Pool(workers, maxtasksperchild=100) as pool:
        for number, row in enumerate(pool.imap(judge, left), start=1):
            done.append(row)
            if out:
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if number % 50 == 0:
                print(
                    f"{number} of {len(left)}: {Counter(r['found'] for r in done)}",
                    file=sys.stderr,
                    flush=True,
                )
    return done
