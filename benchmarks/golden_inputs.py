"""The music that `benchmarks.golden` gives to both sides: written once, and then copied.

Tunes and chorales come from the corpus that the installed music21 package holds; songs with drums, several
programs and changes of tempo are made here, as are files that no one can read.
"""

import json
import random
import shutil
from collections.abc import Iterable
from pathlib import Path

TUNES, CHORALES, SONGS = 14, 8, 8
CHORALE_BOOK = ("bwv66.6", "bwv269", "bwv153.1", "bwv253", "bwv255", "bwv254", "bwv256", "bwv257")
SPLITS = ("train", "train", "train", "train", "train", "valid", "test", "test")
"""Of chorales and songs, by folder: a handful split by content may leave a split empty."""


def write_inputs(folder: Path) -> None:
    """Write all of it into a folder that is not there yet."""
    corpus = _corpus()
    (folder / "tunes").mkdir(parents=True)
    books = sorted((corpus / "ryansMammoth").glob("*.abc"))
    for number, path in enumerate(books[: TUNES * 20 : 20]):
        if number % 2:
            shutil.copyfile(path, folder / "tunes" / path.name)
        else:
            _write_midi(path, folder / "tunes" / f"{path.stem}.mid")
    for name, split in zip(CHORALE_BOOK, SPLITS, strict=True):
        out = folder / "chorales" / split / f"{name}.mid"
        out.parent.mkdir(parents=True, exist_ok=True)
        _write_midi(corpus / "bach" / f"{name}.mxl", out)
    for number, split in enumerate(SPLITS):
        _write_song(folder / "songs" / split / f"song-{number}.mid", random.Random(number))  # noqa: S311
    _write_single(folder, corpus)
    _write_bad(folder)
    _write_settings(folder)


def _corpus() -> Path:
    import music21

    return Path(str(music21.__file__)).parent / "corpus"


def _write_midi(path: Path, out: Path) -> None:
    from music21 import converter

    converter.parse(path).write("midi", out)  # type: ignore[no-untyped-call]


def _write_song(path: Path, draw: random.Random, *, metre: tuple[int, int] = (4, 4), bars: int = 12) -> None:
    """A song: melody, chords, bass and drums, loud and soft, with a change of tempo."""
    import pretty_midi

    path.parent.mkdir(parents=True, exist_ok=True)
    song = pretty_midi.PrettyMIDI(initial_tempo=120)
    song.time_signature_changes.append(pretty_midi.TimeSignature(*metre, 0))
    names = (("MELODY", 73, False), ("CHORDS", 0, False), ("BASS", 33, False), ("DRUMS", 0, True))
    melody, chords, bass, drums = (
        pretty_midi.Instrument(program, drum, name) for name, program, drum in names
    )
    beats, beat = metre[0], 0.5 * 4 / metre[1]  # seconds
    for bar in range(bars):
        start, root = bar * beats * beat, draw.choice((48, 53, 55, 57))
        _add(chords, ((root + step, 60, start, beats * beat) for step in (12, 16, 19)))
        _add(bass, ((root - 12, 90, start + i * beat, beat) for i in range(0, beats, 2)))
        _add(drums, ((36 if i % 2 == 0 else 42, 100, start + i * beat, beat / 2) for i in range(beats)))
        for i in range(beats):
            halves = draw.choice((1, 2))
            pitches = [draw.choice((60, 62, 64, 65, 67, 69, 71, 72)) for _ in range(halves)]
            length = beat / halves
            begins = [start + i * beat + half * length for half in range(halves)]
            _add(
                melody, ((p, draw.randint(50, 110), t, length) for p, t in zip(pitches, begins, strict=True))
            )
    song.instruments += [melody, chords, bass, drums]
    song.write(str(path))


def _add(track: object, notes: Iterable[tuple[int, int, float, float]]) -> None:
    """Add notes: pitch, velocity, onset and duration in seconds."""
    import pretty_midi

    track.notes += [  # type: ignore[attr-defined]
        pretty_midi.Note(velocity, pitch, onset, onset + length) for pitch, velocity, onset, length in notes
    ]


def _write_single(folder: Path, corpus: Path) -> None:
    """Files that commands name, in several formats."""
    shutil.copyfile(sorted((corpus / "ryansMammoth").glob("*.abc"))[7], folder / "tune.abc")
    shutil.copyfile(sorted((corpus / "ryansMammoth").glob("*.abc"))[27], folder / "other.abc")
    shutil.copyfile(corpus / "bach" / "bwv281.krn", folder / "chorale.krn")
    shutil.copyfile(corpus / "bach" / "bwv269.mxl", folder / "chorale.mxl")
    shutil.copyfile(folder / "chorales" / "test" / "bwv257.mid", folder / "chorale.mid")
    _write_song(folder / "song.mid", random.Random(99))  # noqa: S311
    _write_song(folder / "waltz.mid", random.Random(98), metre=(3, 4))  # noqa: S311
    _write_song(folder / "odd.mid", random.Random(97), metre=(11, 8), bars=5)  # noqa: S311
    _write_song(folder / "short.mid", random.Random(96), bars=1)  # noqa: S311
    scale = ("C2 D2 E2 F2 | G2 A2 B2 c2 | c2 B2 A2 G2 | F2 E2 D2 C2 |" * 2).replace("||", "|")
    (folder / "scale.abc").write_text(f"X:1\nT:Scale\nM:4/4\nL:1/8\nK:C\n{scale}\n", "utf-8")


def _write_bad(folder: Path) -> None:
    """Files that cannot be read, alone and among others."""
    bad, mixed = folder / "bad", folder / "mixed"
    bad.mkdir()
    song = (folder / "song.mid").read_bytes()
    (bad / "empty.mid").write_bytes(b"")
    (bad / "text.mid").write_text("this is not music\n", "utf-8")
    (bad / "cut.mid").write_bytes(song[: len(song) // 3])
    (bad / "header.mid").write_bytes(song[:14])
    noise = random.Random(5).randbytes(400)  # noqa: S311
    (bad / "noise.mid").write_bytes(song[:22] + noise)
    (bad / "words.abc").write_text("X:1\nK:\n%%%%\n", "utf-8")
    (bad / "broken.musicxml").write_text("<score-partwise><part>", "utf-8")
    (bad / "picture.xyz").write_bytes(noise)
    shutil.copytree(bad, mixed)
    for path in sorted((folder / "tunes").glob("*.mid")):
        shutil.copyfile(path, mixed / path.name)
        shutil.copyfile(path, mixed / f"again-{path.name}")  # the same music twice


def _write_settings(folder: Path) -> None:
    """Files of settings and of splits, good and bad, and folders in which a demo cannot work."""
    settings = {
        "good": json.dumps({"family": "lm", "model": {"hidden_size": 24, "lookback": [1, 2]}, "seed": 4}),
        "not-json": "{",
        "list": "[]",
        "misspelt": json.dumps({"model": {"hiden_size": 8}}),
        "group": json.dumps({"modle": {}}),
        "kind": json.dumps({"model": {"hidden_size": "8"}}),
        "range": json.dumps({"model": {"hidden_size": 0}}),
        "vae": json.dumps({"family": "vae"}),
    }
    for name, text in settings.items():
        (folder / f"{name}.json").write_text(text, "utf-8")
    names = sorted(path.name for path in (folder / "tunes").iterdir())
    splits = ("train", "train", "valid", "test")
    rows = "".join(f"{name},{splits[number % 4]}\n" for number, name in enumerate(names))
    (folder / "split.csv").write_text(rows, "utf-8")
    (folder / "bad-split.csv").write_text("a.mid,tset\n", "utf-8")
    (folder / "demo-broken" / "datasets" / "ryans-mammoth").mkdir(parents=True)
    (folder / "demo-broken" / "datasets" / "ryans-mammoth" / "dataset.json").write_text("{", "utf-8")
    (folder / "demo-small").mkdir()
    for number, path in enumerate(sorted((folder / "tunes").iterdir())[:6]):
        split = folder / "demo-tunes" / ("valid" if number == 0 else "train")
        split.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, split / path.name)
    for number in range(2):  # a demo gives two jigs of the test split to the models
        _write_jig(folder / "demo-tunes" / "test" / f"jig-{number}.abc", random.Random(number))  # noqa: S311


def _write_jig(path: Path, draw: random.Random) -> None:
    """Sixteen bars in 6/8."""
    path.parent.mkdir(exist_ok=True)
    bars = [" ".join("".join(draw.choices("DEFGABcd", k=3)) for _ in range(2)) for _ in range(16)]
    path.write_text(f"X:1\nT:{path.stem}\nM:6/8\nL:1/8\nK:D\n{' | '.join(bars)} |]\n", "utf-8")
