"""Views: the token streams of a dataset, encoded once and cached in its folder.

A view is keyed by the music of the dataset, the tokenizer and the selected tracks, so that a stale one is
never read. Ids are concatenated in one memory-mapped array.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from symusic.core import ScoreTick

from musegen.config.settings import DataConfig, TrainConfig
from musegen.console import progress
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.left_out import in_words
from musegen.data.selection import Selected, select, source_and_target, tracks_there
from musegen.errors import DataError, MusegenError, attempt
from musegen.files import write_array, write_json
from musegen.tokenizers import (
    GridTokenizer,
    Kind,
    Tables,
    Tokenizer,
    WholeTokenizer,
    melody_tokenizer,
    whole_tokenizer,
)
from musegen.tokenizers.tables import PEDAL, Ints

CHUNK_PIECES = 256
"""Pieces encoded at once: faster if they are short."""


@dataclass(frozen=True)
class Sources:
    """The melodies of a view, in the order of its pieces, each with the same bars as its piece."""

    ids: npt.NDArray[np.uint16]
    """(M,) all streams concatenated."""
    offsets: npt.NDArray[np.int64]
    """(P + 1,) start of each stream."""
    tables: Tables
    """Of the melody tokenizer."""


@dataclass(frozen=True)
class TokenView:
    """The token streams of a dataset's pieces."""

    ids: npt.NDArray[np.uint16]
    """(N,) all streams concatenated."""
    offsets: npt.NDArray[np.int64]
    """(P + 1,) start of each stream."""
    notes: npt.NDArray[np.int64]
    """(P,) number of notes of each piece, without drums if the tokenizer has none."""
    pieces: list[IndexEntry]
    """The P pieces that could be encoded."""
    skipped: dict[str, int]
    """Number of other pieces, by reason."""
    tempo: float
    """Median initial tempo in quarter notes per minute (BPM)."""
    program: int
    """Most frequent program, drums excluded."""
    sources: "Sources | None" = None
    """The melodies, if the streams are accompaniments."""
    odd_bars: int = 0
    """Number of bars that were filled up to a metre of the tokenizer."""
    too_fine: int = 0
    """Number of notes that are finer than the grid and left out."""

    def stream(self, index: int) -> npt.NDArray[np.int64]:
        """Ids of piece `index` from BOS to EOS, (T,)."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]].astype(np.int64)

    def source(self, index: int) -> npt.NDArray[np.int64]:
        """Ids of the melody of piece `index` from BOS to EOS, (S,); empty without melodies."""
        if self.sources is None:
            return np.zeros(0, dtype=np.int64)
        start, stop = self.sources.offsets[index : index + 2]
        return self.sources.ids[start:stop].astype(np.int64)

    def indices(self, split: str) -> list[int]:
        """Indices of the pieces in the split "train", "valid" or "test", or of "all"."""
        return [index for index, piece in enumerate(self.pieces) if split in (piece.split, "all")]


def token_view(
    dataset: Dataset,
    tokenizer: Tokenizer,
    data: DataConfig | None = None,
    *,
    pairs: bool = False,
    lossy: bool = False,
) -> TokenView:
    """Encode every piece of a dataset, or open the cached view.

    Args:
        dataset: the music.
        tokenizer: of the target; for a line tokenizer, its `events` encode whole pieces.
        data: which tracks to use.
        pairs: separate each piece into melody and accompaniment.
        lossy: leave out notes that are finer than a grid, not the pieces that have some.

    Raises:
        DataError: no piece could be encoded; the message counts the reasons.
    """
    data, tokenizer = data or DataConfig(), whole_tokenizer(tokenizer)
    selection = [data.tracks, data.melody, data.accompaniment, data.drums, pairs, *["chords"] * data.chords]
    selection += ["lossy"] * lossy + ["taps"] * data.taps
    recipe = [5, dataset.sha256, tokenizer.to_dict(), selection, [p.melody for p in dataset.pieces]]
    folder = dataset.cache("view", recipe)
    if not (folder / "view.json").is_file():
        _build(folder, dataset, tokenizer, data, pairs=pairs, lossy=lossy)
    facts = json.loads((folder / "view.json").read_text("utf-8"))
    if not facts["kept"]:
        reasons = in_words(facts["skipped"])
        raise DataError(
            f"no piece of dataset {dataset.name} can be encoded: {reasons}{tracks_there(dataset, data)}"
        )
    sources = None
    if pairs:
        ids, offsets = np.load(folder / "source_ids.npy"), np.load(folder / "source_offsets.npy")
        sources = Sources(ids, offsets, melody_tokenizer(tokenizer).tables)
    return TokenView(
        ids=np.load(folder / "ids.npy", mmap_mode="r"),
        offsets=np.load(folder / "offsets.npy"),
        notes=np.load(folder / "notes.npy"),
        pieces=[dataset.pieces[index] for index in facts["kept"]],
        skipped=facts["skipped"],
        odd_bars=facts["odd_bars"],
        too_fine=facts.get("too_fine", 0),
        tempo=facts["tempo"],
        program=facts["program"],
        sources=sources,
    )


def config_view(
    config: TrainConfig, dataset: Dataset, tokenizer: Tokenizer, data: DataConfig | None = None
) -> TokenView:
    """The streams that a model with this configuration is trained on.

    Args:
        config: of its training.
        dataset: the music.
        tokenizer: of the model.
        data: which tracks to use. Default: those of the configuration.
    """
    return token_view(dataset, tokenizer, data or config.data, pairs=config.pairs, lossy=config.fills)


def _build(
    folder: Path,
    dataset: Dataset,
    tokenizer: WholeTokenizer,
    data: DataConfig,
    *,
    pairs: bool,
    lossy: bool,
) -> None:
    streams: list[npt.NDArray[np.uint16]] = []
    melodies: list[npt.NDArray[np.uint16]] = []
    notes: list[int] = []
    kept: list[int] = []
    tempos: list[float] = []
    skipped: Counter[str] = Counter()
    odd_bars = too_fine = 0
    programs: Counter[int] = Counter()
    has_drums = bool(tokenizer.tables.is_drum.any())
    encoded = _encoded(dataset, tokenizer, data, pairs=pairs, lossy=lossy)
    for index, piece in enumerate(progress(encoded, len(dataset.pieces), "Tokenizing")):
        if isinstance(piece, MusegenError):
            skipped[str(piece)] += 1
            continue
        kept.append(index)
        odd_bars += piece.odd_bars
        score = piece.score
        streams.append(piece.stream.astype(np.uint16))
        melodies.append(piece.source.astype(np.uint16))
        # Drums that are not in the stream are not predicted, so they are not counted.
        encoded_tracks = [t for t in score.tracks if has_drums or not t.is_drum]
        notes.append(sum(len(track.notes) for track in encoded_tracks))
        if tokenizer.tables.has_pedal:
            notes[-1] -= int((tokenizer.tables.is_drum[piece.stream] == PEDAL).sum())
        if lossy and tokenizer.tables.voices:
            kept_notes = int((tokenizer.tables.kind[piece.stream] == Kind.PITCH).sum())
            too_fine, notes[-1] = too_fine + notes[-1] - kept_notes, kept_notes
        tempos.append(score.tempos[0].qpm if len(score.tempos) else 120.0)
        programs.update(track.program for track in score.tracks if not track.is_drum)
    facts = {
        "kept": kept,
        "skipped": dict(skipped),
        "odd_bars": odd_bars,
        "too_fine": too_fine,
        "tempo": float(np.median(tempos)) if tempos else 120.0,
        "program": programs.most_common(1)[0][0] if programs else 0,
    }
    _save_streams(folder, "", streams)
    if pairs:
        _save_streams(folder, "source_", melodies)
    write_array(folder / "notes.npy", np.asarray(notes, dtype=np.int64))
    write_json(folder / "view.json", facts)  # last: its presence means that the view is complete


class _Encoded(NamedTuple):
    score: ScoreTick
    stream: Ints
    source: Ints
    """Ids of the melody; empty without one."""
    odd_bars: int


def _encoded(
    dataset: Dataset, tokenizer: WholeTokenizer, data: DataConfig, *, pairs: bool, lossy: bool
) -> Iterator[_Encoded | MusegenError]:
    """Every piece of a dataset with its ids, in order, or its error."""
    source_tokenizer = melody_tokenizer(tokenizer) if pairs else tokenizer
    metres = tokenizer.time_signatures
    for start in range(0, len(dataset.pieces), CHUNK_PIECES):
        pieces = dataset.pieces[start : start + CHUNK_PIECES]
        selected = [attempt(select, dataset, piece, data, pairs=pairs, metres=metres) for piece in pieces]
        scores = (each if isinstance(each, MusegenError) else each.score for each in selected)
        if isinstance(tokenizer, GridTokenizer):
            streams = tokenizer.encode_all(scores, lossy=lossy)
        else:
            streams = tokenizer.encode_all(scores)
        for each, stream in zip(selected, streams, strict=True):
            if isinstance(each, MusegenError):
                yield each
            elif isinstance(stream, MusegenError):
                yield stream
            else:
                yield attempt(_paired, each, stream, source_tokenizer, tokenizer)


def _paired(
    piece: Selected, stream: Ints, source_tokenizer: WholeTokenizer, tokenizer: WholeTokenizer
) -> _Encoded:
    if piece.melody is None:
        return _Encoded(piece.score, stream, np.zeros(0, dtype=np.int64), piece.odd_bars)
    source, stream = source_and_target(piece.melody, source_tokenizer, stream, tokenizer)
    return _Encoded(piece.score, stream, source, piece.odd_bars)


def _save_streams(folder: Path, prefix: str, streams: list[npt.NDArray[np.uint16]]) -> None:
    write_array(folder / f"{prefix}ids.npy", np.concatenate(streams) if streams else np.zeros(0, np.uint16))
    write_array(folder / f"{prefix}offsets.npy", np.cumsum([0, *map(len, streams)], dtype=np.int64))
