"""What a model sees of a dataset: token streams, made once and kept beside the scores.

A view is keyed by the dataset's music, the tokenizer and the tracks wanted, so that a stale one is
never read. Ids lie end to end in one memory-mapped array.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from symusic.core import ScoreTick

from musegen.config.settings import DataConfig
from musegen.console import progress
from musegen.data.dataset import Dataset, IndexEntry
from musegen.data.selection import Selected, select, source_and_target
from musegen.errors import DataError, MusegenError, attempt
from musegen.files import write_array, write_json
from musegen.music.metre import PHRASE_BARS
from musegen.tokenizers import Kind, Tables, Tokenizer, WholeTokenizer, melody_tokenizer, whole_tokenizer
from musegen.tokenizers.tables import Ints

CHUNK_PIECES = 256
"""Pieces that are encoded at once: many short ones are faster so."""


@dataclass(frozen=True)
class Sources:
    """The melodies of a view, in the order of its pieces; each has the bars of its piece's stream."""

    ids: npt.NDArray[np.uint16]
    """(M,) all streams end to end."""
    offsets: npt.NDArray[np.int64]
    """(P + 1,) where each stream begins."""
    tables: Tables
    """Of the melodies' tokenizer."""


@dataclass(frozen=True)
class TokenView:
    """The token streams of a dataset's pieces."""

    ids: npt.NDArray[np.uint16]
    """(N,) all streams end to end."""
    offsets: npt.NDArray[np.int64]
    """(P + 1,) where each stream begins."""
    notes: npt.NDArray[np.int64]
    """(P,) notes of each piece's score, drums left out where the tokenizer leaves them out."""
    pieces: list[IndexEntry]
    """The P pieces that could be encoded."""
    skipped: dict[str, int]
    """How many pieces could not, by reason."""
    tempo: float
    """Median first tempo in beats a minute."""
    program: int
    """Most frequent melodic program."""
    sources: "Sources | None" = None
    """The melodies, where the streams accompany some."""

    def stream(self, index: int) -> npt.NDArray[np.int64]:
        """Ids of piece `index` from BOS to EOS, (T,)."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]].astype(np.int64)

    def source(self, index: int) -> npt.NDArray[np.int64]:
        """Ids of the melody of piece `index` from BOS to EOS, (S,); none where there are no melodies."""
        if self.sources is None:
            return np.zeros(0, dtype=np.int64)
        start, stop = self.sources.offsets[index : index + 2]
        return self.sources.ids[start:stop].astype(np.int64)

    def indices(self, split: str) -> list[int]:
        """Which pieces stand in the split "train", "valid" or "test"; or "all" of them."""
        return [index for index, piece in enumerate(self.pieces) if split in (piece.split, "all")]


def token_view(
    dataset: Dataset, tokenizer: Tokenizer, data: DataConfig | None = None, *, pairs: bool = False
) -> TokenView:
    """Encode every piece of a dataset, or open what was encoded before.

    Args:
        dataset: the music.
        tokenizer: of what a model writes; of a line, pieces are written by its `events`.
        data: which tracks are wanted.
        pairs: part each piece into its melody and what accompanies it.

    Raises:
        DataError: no piece could be encoded; the reasons are counted.
    """
    data, tokenizer = data or DataConfig(), whole_tokenizer(tokenizer)
    wanted = [data.tracks, data.melody, data.accompaniment, data.drums, pairs]
    recipe = [3, dataset.sha256, tokenizer.to_dict(), wanted, [p.melody for p in dataset.pieces]]
    folder = dataset.cache("view", recipe)
    if not (folder / "view.json").is_file():
        _build(folder, dataset, tokenizer, data, pairs=pairs)
    facts = json.loads((folder / "view.json").read_text("utf-8"))
    if not facts["kept"]:
        reasons = "; ".join(f"{reason} (x{count})" for reason, count in facts["skipped"].items())
        raise DataError(f"no piece of dataset {dataset.name} can be encoded: {reasons}")
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
        tempo=facts["tempo"],
        program=facts["program"],
        sources=sources,
    )


def _build(
    folder: Path, dataset: Dataset, tokenizer: WholeTokenizer, data: DataConfig, *, pairs: bool
) -> None:
    streams: list[npt.NDArray[np.uint16]] = []
    melodies: list[npt.NDArray[np.uint16]] = []
    notes: list[int] = []
    kept: list[int] = []
    tempos: list[float] = []
    skipped: Counter[str] = Counter()
    programs: Counter[int] = Counter()
    has_drums = bool(tokenizer.tables.is_drum.any())
    encoded = _encoded(dataset, tokenizer, data, pairs=pairs)
    for index, piece in enumerate(progress(encoded, len(dataset.pieces), "Tokenizing")):
        if isinstance(piece, MusegenError):
            skipped[str(piece)] += 1
            continue
        kept.append(index)
        score = piece.score
        streams.append(piece.stream.astype(np.uint16))
        melodies.append(piece.source.astype(np.uint16))
        # Drums that are not in the stream are not predicted, and so not counted.
        heard = [t for t in score.tracks if has_drums or not t.is_drum]
        notes.append(sum(len(track.notes) for track in heard))
        tempos.append(score.tempos[0].qpm if len(score.tempos) else 120.0)
        programs.update(track.program for track in score.tracks if not track.is_drum)
    facts = {
        "kept": kept,
        "skipped": dict(skipped),
        "tempo": float(np.median(tempos)) if tempos else 120.0,
        "program": programs.most_common(1)[0][0] if programs else 0,
    }
    _save_streams(folder, "", streams)
    if pairs:
        _save_streams(folder, "source_", melodies)
    write_array(folder / "notes.npy", np.asarray(notes, dtype=np.int64))
    write_json(folder / "view.json", facts)  # last: its presence says that the view is whole


class _Encoded(NamedTuple):
    score: ScoreTick
    stream: Ints
    source: Ints
    """The melody's ids; none where there is no melody."""


def _encoded(
    dataset: Dataset, tokenizer: WholeTokenizer, data: DataConfig, *, pairs: bool
) -> Iterator[_Encoded | MusegenError]:
    """Every piece of a dataset with its ids, in order, or why it has none."""
    listener = melody_tokenizer(tokenizer) if pairs else tokenizer
    for start in range(0, len(dataset.pieces), CHUNK_PIECES):
        pieces = dataset.pieces[start : start + CHUNK_PIECES]
        chosen = [attempt(select, dataset, piece, data, pairs=pairs) for piece in pieces]
        scores = (each if isinstance(each, MusegenError) else each.score for each in chosen)
        for each, stream in zip(chosen, tokenizer.encode_all(scores), strict=True):
            if isinstance(each, MusegenError):
                yield each
            elif isinstance(stream, MusegenError):
                yield stream
            else:
                yield attempt(_paired, each, stream, listener, tokenizer)


def _paired(piece: Selected, stream: Ints, listener: WholeTokenizer, tokenizer: WholeTokenizer) -> _Encoded:
    if piece.melody is None:
        return _Encoded(piece.score, stream, np.zeros(0, dtype=np.int64))
    source, stream = source_and_target(piece.melody, listener, stream, tokenizer)
    return _Encoded(piece.score, stream, source)


def _save_streams(folder: Path, prefix: str, streams: list[npt.NDArray[np.uint16]]) -> None:
    write_array(folder / f"{prefix}ids.npy", np.concatenate(streams) if streams else np.zeros(0, np.uint16))
    write_array(folder / f"{prefix}offsets.npy", np.cumsum([0, *map(len, streams)], dtype=np.int64))


@dataclass(frozen=True)
class Window:
    """A stretch of a view's ids that is trained on: ids[start:stop], the first being given."""

    start: int
    stop: int
    source_start: int = 0
    """The same bars of the melodies; 0 to 0 where there are none."""
    source_stop: int = 0

    @property
    def length(self) -> int:
        """Ids that are predicted."""
        return self.stop - self.start - 1


def cut_windows(view: TokenView, kind: npt.NDArray[np.int64], *, split: str, longest: int) -> list[Window]:
    """Cut each stream of a split into windows on bar lines.

    Every id after a stream's first is predicted in exactly one window. A window is at most
    `longest` ids, or one bar where a single bar is longer; where there is a choice, a window is a
    multiple of 16 bars, so that a model which counts bars in phrases counts the same in each.

    Args:
        view: the streams.
        kind: `Kind` of each id, (V,).
        split: "train", "valid" or "test".
        longest: ids.
    """
    windows = []
    for index in view.indices(split):
        lines = _bar_lines(view.ids, view.offsets, index, kind)
        cuts = [*_cut_bars(lines, longest), len(lines) - 1]
        for first, last in itertools.pairwise(cuts):
            # The bar token that opens the next window is this window's last target.
            stop = int(lines[last]) + (last < len(lines) - 1)
            windows.append(Window(int(lines[first]), stop, *_source_bars(view, index, first, last)))
    return windows


def cut_excerpts(view: TokenView, kind: npt.NDArray[np.int64], bars: int) -> list[Window]:
    """Stretches of so many bars, or whole pieces that have fewer, of the training pieces, every half of that.

    They begin with a bar line or BOS, overlap, and the last of a piece ends where it ends.

    Args:
        view: the streams.
        kind: `Kind` of each id, (V,).
        bars: how many.
    """
    excerpts = []
    for index in view.indices("train"):
        lines = _bar_lines(view.ids, view.offsets, index, kind)
        latest = max(0, len(lines) - 1 - bars)
        for first in sorted({*range(0, latest, max(1, bars // 2)), latest}):
            last = min(first + bars, len(lines) - 1)
            span = int(lines[first]), int(lines[last])
            excerpts.append(Window(*span, *_source_bars(view, index, first, last)))
    return excerpts


def _bar_lines(ids: npt.NDArray[np.uint16], offsets: Ints, index: int, kind: Ints) -> Ints:
    """Where in the ids the bars of a stream begin, the first with its BOS, and where it ends, (bars + 1,)."""
    begin, end = offsets[index : index + 2]
    bars = begin + np.flatnonzero(kind[ids[begin:end]] == Kind.BAR)
    return np.concatenate([[begin], bars[1:], [end]])


def _cut_bars(lines: Ints, longest: int) -> list[int]:
    """The bars, from 0, with which windows begin."""
    cuts, bar = [0], 0
    while lines[-1] - lines[bar] > longest:
        fitting = int(np.searchsorted(lines[:-1], lines[bar] + longest, side="right")) - 1
        chosen = max(fitting, bar + 1)
        if chosen - bar >= PHRASE_BARS:
            chosen = bar + (chosen - bar) // PHRASE_BARS * PHRASE_BARS
        if chosen >= len(lines) - 1:
            break
        bar = chosen
        cuts.append(bar)
    return cuts


def _source_bars(view: TokenView, index: int, first: int, last: int) -> tuple[int, int]:
    """Where bars `first` to `last` of a piece's melody begin and end."""
    if view.sources is None:
        return 0, 0
    lines = _bar_lines(view.sources.ids, view.sources.offsets, index, view.sources.tables.kind)
    return int(lines[first]), int(lines[last])
