"""Music files -> a dataset folder of tidy scores."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from musegen.data.corpora import corpus_files
from musegen.data.dataset import FORMAT_VERSION, Dataset, Piece
from musegen.music.ops import bar_ticks, fingerprint, melody_track
from musegen.music.read import parse_midi, tidy
from musegen.music.write import midi_bytes


def prepare(source: str, out: Path, *, split: Path | None = None, melody: str | None = None,
            workers: int | None = None, limit: int | None = None, force: bool = False) -> Dataset:
    """Prepare `source` into the dataset folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    files = corpus_files(source, workers=workers, limit=limit)
    blob = b""
    pieces = []
    seen = set()
    for f in files:
        score, pickup, _ = tidy(parse_midi(f.data)[0])
        print_ = fingerprint(score)
        if print_ in seen:
            continue
        seen.add(print_)
        data = midi_bytes(score)
        index, how = melody_track(score)
        u = int(print_[:16], 16) / 2**64
        pieces.append(Piece(
            name=f.name, sha256=hashlib.sha256(data).hexdigest(), fingerprint=print_,
            split="test" if u < 0.1 else "valid" if u < 0.2 else "train",
            notes=score.note_num(), bars=len(bar_ticks(score)) - 1, pickup=pickup / score.tpq,
            melody=index, melody_how=how,
            time_signatures=sorted({f"{t.numerator}/{t.denominator}" for t in score.time_signatures}),
            programs=sorted({-1 if t.is_drum else t.program for t in score.tracks}),
            offset=len(blob), size=len(data)))
        blob += data
    (out / "scores.bin").write_bytes(blob)
    (out / "index.jsonl").write_text("".join(json.dumps(asdict(p)) + "\n" for p in pieces))
    (out / "audit.jsonl").write_text("")
    (out / "dataset.json").write_text(json.dumps({
        "format_version": FORMAT_VERSION, "name": out.name, "source": source,
        "sha256": hashlib.sha256(blob).hexdigest()}))
    return Dataset.open(out)
