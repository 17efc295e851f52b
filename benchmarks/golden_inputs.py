"""The music that `benchmarks.golden` gives to both sides: written once, and then copied.

Tunes and chorales come from the corpus that the installed music21 package holds; songs with drums and several
programs are made here, as are files that no one can read.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from symusic import Note, Score, Tempo, TimeSignature, Track

from benchmarks.runs import write_score

BOOK = ("bwv66.6", "bwv269", "bwv153.1", "bwv253", "bwv255", "bwv254", "bwv256", "bwv257")
SPLITS = ("train", "train", "train", "train", "train", "valid", "test", "test")
"""Of chorales and songs, by folder: a handful split by content may leave a split empty."""
SETTINGS = {
    "good": {"family": "lm", "model": {"hidden_size": 24, "lookback": [1, 2]}, "seed": 4},
    "list": [],
    "misspelt": {"model": {"hiden_size": 8}},
    "group": {"modle": {}},
    "kind": {"model": {"hidden_size": "8"}},
    "range": {"model": {"hidden_size": 0}},
    "vae": {"family": "vae"},
}
"""Files of settings, good and bad."""
SCALE = "C2 D2 E2 F2 | G2 A2 B2 c2 | c2 B2 A2 G2 | F2 E2 D2 C2 |"


def write_inputs(folder: Path) -> None:
    """Write all of it into a folder that is not there yet."""
    import music21

    corpus = Path(str(music21.__file__)).parent / "corpus"
    books = sorted((corpus / "ryansMammoth").glob("*.abc"))
    for number, path in enumerate(books[:280:20]):
        _copy(path, folder / "tunes" / (path.name if number % 2 else f"{path.stem}.mid"))
    for number, (name, split) in enumerate(zip(BOOK, SPLITS, strict=True)):
        _copy(corpus / "bach" / f"{name}.mxl", folder / "chorales" / split / f"{name}.mid")
        write_score(_song(number), folder / "songs" / split / f"song-{number}.mid")
    _copy(books[7], folder / "tune.abc")
    _copy(books[27], folder / "other.abc")
    _copy(corpus / "bach" / "bwv281.krn", folder / "chorale.krn")
    _copy(corpus / "bach" / "bwv269.mxl", folder / "chorale.mxl")
    _copy(folder / "chorales" / "test" / "bwv257.mid", folder / "chorale.mid")
    write_score(_song(99), folder / "song.mid")
    write_score(_song(98, metre=(3, 4)), folder / "waltz.mid")
    write_score(_song(97, metre=(11, 8), bars=5), folder / "odd.mid")
    write_score(_song(96, bars=1), folder / "short.mid")
    tunes = sorted((folder / "tunes").iterdir())
    for path in (path for path in tunes if path.suffix == ".mid"):
        _copy(path, folder / "mixed" / path.name)
        _copy(path, folder / "mixed" / f"again-{path.name}")  # the same music twice
    for number, path in enumerate(tunes[:6]):
        _copy(path, folder / "demo-tunes" / ("train" if number else "valid") / path.name)
    (folder / "demo-small").mkdir()
    _write(folder, _texts(tunes))
    for place in ("bad", "mixed"):
        _write(folder / place, _bad((folder / "song.mid").read_bytes()))


def _write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by their names."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def _copy(path: Path, out: Path) -> None:
    """Copy a file, as MIDI where that is wanted."""
    from music21 import converter

    out.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == out.suffix:
        shutil.copyfile(path, out)
    else:
        converter.parse(path).write("midi", out)  # type: ignore[no-untyped-call]


def _song(seed: int, *, metre: tuple[int, int] = (4, 4), bars: int = 12) -> Score:
    """A song: melody, chords, bass and drums, loud and soft."""
    draw, song = Random(seed), Score(480)  # noqa: S311
    beats, beat = metre[0], 4 * 480 // metre[1]
    song.tempos.append(Tempo(0, 120))
    song.time_signatures.append(TimeSignature(0, *metre))
    song.tracks = [
        Track("MELODY", 73),
        Track("CHORDS", 0),
        Track("BASS", 33),
        Track("DRUMS", 0, is_drum=True),
    ]
    melody, chords, bass, drums = (track.notes for track in song.tracks)
    for number in range(bars * beats):
        onset = number * beat
        if number % beats == 0:
            root = draw.choice((48, 53, 55, 57))
            chords.extend(Note(onset, beats * beat, root + step, 60) for step in (12, 16, 19))
        if number % beats % 2 == 0:
            bass.append(Note(onset, beat, root - 12, 90))
        drums.append(Note(onset, beat // 2, 42 if number % beats % 2 else 36, 100))
        length = beat // draw.choice((1, 2))
        for start in range(onset, onset + beat, length):
            pitch = draw.choice((60, 62, 64, 65, 67, 69, 71, 72))
            melody.append(Note(start, length, pitch, draw.randint(50, 110)))
    return song


def _bad(song: bytes) -> dict[str, str | bytes]:
    """Files that cannot be read."""
    noise = Random(5).randbytes(400)  # noqa: S311
    return {
        "empty.mid": "",
        "text.mid": "this is not music\n",
        "cut.mid": song[: len(song) // 3],
        "header.mid": song[:14],
        "noise.mid": song[:22] + noise,
        "words.abc": "X:1\nK:\n%%%%\n",
        "broken.musicxml": "<score-partwise><part>",
        "picture.xyz": noise,
    }


def _texts(tunes: Sequence[Path]) -> dict[str, str]:
    """A tune, settings and splits, a dataset that cannot be read, and two jigs, which a demo needs."""
    splits = ("train", "train", "valid", "test")
    rows = [f"{path.name},{splits[number % 4]}\n" for number, path in enumerate(tunes)]
    texts = {
        "scale.abc": f"X:1\nT:Scale\nM:4/4\nL:1/8\nK:C\n{SCALE}{SCALE}\n",
        "not-json.json": "{",
        "split.csv": "".join(rows),
        "bad-split.csv": "a.mid,tset\n",
        "demo-broken/datasets/ryans-mammoth/dataset.json": "{",
    }
    for number in range(2):
        draw = Random(number)  # noqa: S311
        bars = (" ".join("".join(draw.choices("DEFGABcd", k=3)) for _ in range(2)) for _ in range(16))
        text = f"X:1\nT:jig-{number}\nM:6/8\nL:1/8\nK:D\n{' | '.join(bars)} |]\n"
        texts[f"demo-tunes/test/jig-{number}.abc"] = text
    return texts | {f"{name}.json": json.dumps(settings) for name, settings in SETTINGS.items()}
