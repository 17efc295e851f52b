"""Clips of one line as alternating pitch and duration: two ids per note; onsets follow from the durations.

A clip is BOS Bar TimeSig ((Pitch | Rest) Duration)+ EOS in a single metre: bar lines follow from counting,
so only the first is written. Whole pieces are encoded by an event tokenizer; clips are cut out of its
streams (see data/clips.py) and encoded again by `write_line`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from symusic import Score, TimeSignature, Track
from symusic.core import ScoreTick, TrackTick

from musegen.config.settings import TokenizerConfig
from musegen.errors import TokenError
from musegen.metrics.note_f1 import Notes
from musegen.music.notes import put_notes
from musegen.tokenizers.parts import Part
from musegen.tokenizers.remi import RemiTokenizer
from musegen.tokenizers.tables import POSITIONS_PER_BEAT, TICKS_PER_QUARTER, Ints, Kind, Tables

EXACT = 4 * POSITIONS_PER_BEAT
"""Positions up to which every length has an id; longer rests are whole beats and a remainder."""
LONGEST = 64 * POSITIONS_PER_BEAT
"""Positions of the longest rest with an id."""
VELOCITY = 90
"""Of decoded notes: a line has no velocities."""


class LineTokenizer:
    """Clips to ids and back; `events` encodes the pieces that clips are cut from.

    Args:
        events: without programs, velocities and tempos.
    """

    kind = "line"
    parts: tuple[Part, ...] = ()

    def __init__(self, events: RemiTokenizer) -> None:
        self.events = events
        self.config = replace(events.config, kind="line")
        self.time_signatures = events.time_signatures
        is_kept = events.tables.kind != Kind.POSITION
        self._from_events = np.cumsum(is_kept) - 1
        self.vocab = [token for token, kept in zip(events.vocab, is_kept, strict=True) if kept]
        self.vocab.append("Rest_None")
        self.vocab_size = len(self.vocab)
        columns = [name for name in Tables._fields if name != "voices"]
        kept = {n: np.append(getattr(events.tables, n)[is_kept], -(n != "is_drum")) for n in columns}
        self.tables = Tables(**kept, voices=0)
        self.tables.kind[-1] = Kind.REST
        self.pad_id, self.bos_id, self.eos_id = events.pad_id, events.bos_id, events.eos_id

    @classmethod
    def build(cls, config: TokenizerConfig, *, time_signatures: Iterable[tuple[int, int]]) -> "LineTokenizer":
        """Fit a tokenizer to a dataset.

        Args:
            config: without programs, velocities and tempos.
            time_signatures: metres of the dataset, added to the common ones.
        """
        plain = replace(config, kind="remi", programs=False)
        return cls(RemiTokenizer.build(plain, time_signatures=time_signatures, programs=[]))

    def of_events(self, ids: Ints) -> Ints:
        """The ids of tokens, (N,), by their ids in the event vocabulary; positions have none."""
        return self._from_events[ids]

    def stream_programs(self, tracks: Sequence[TrackTick]) -> list[int]:
        """The voice of each track: there is only one."""
        return [0] * len(tracks)

    def decode(self, ids: npt.ArrayLike, *, ticks_per_quarter: int = 480) -> ScoreTick:
        """The score of a clip's ids, padding ignored.

        Args:
            ids: (T,) from BOS on.
            ticks_per_quarter: of the score returned.

        Raises:
            TokenError: an id outside the vocabulary, or no metre.
        """
        array = self.tables.checked(ids)
        if len(array) < 3 or self.tables.kind[array[2]] != Kind.TIME_SIGNATURE:
            raise TokenError("the ids of a line start with BOS, a bar and its metre")
        notes = read_line(array, np.array([0, len(array)]), self.tables)
        edges = np.stack([notes.onset, notes.onset + notes.duration]) * ticks_per_quarter / TICKS_PER_QUARTER
        onset, end = np.round(edges).astype(np.int64)
        score = Score(ticks_per_quarter, ttype="Tick")
        beats, unit = map(int, self.vocab[array[2]].removeprefix("TimeSig_").split("/"))
        score.time_signatures.append(TimeSignature(0, beats, unit))
        track = Track("", 0, is_drum=False, ttype="Tick")
        put_notes(track, onset, end - onset, notes.pitch, np.full(len(onset), VELOCITY))
        if len(track.notes):
            score.tracks.append(track)
        return score

    def to_dict(self) -> dict[str, Any]:
        """The content of tokenizer.json."""
        return self.events.to_dict() | {"kind": self.kind}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "LineTokenizer":
        """Rebuild a saved tokenizer.

        Raises:
            TokenError: a damaged setting, or one that a line does not support.
        """
        events = RemiTokenizer.from_dict(saved | {"kind": RemiTokenizer.kind})
        flags = ("programs", "velocity", "shift", "tempo")
        if any(getattr(events.config, name) for name in flags):
            raise TokenError("tokenizer.json is damaged: a line has no programs, velocities or tempos")
        return cls(events)


def write_line(notes: Notes, metre: Ints, bars: int, tables: Tables) -> Ints:
    """The ids of clips of one line, (C, T), padded at the end with 0.

    Args:
        notes: clip by clip, no two of a clip with the same onset; each is cut where the next starts or the
            clip ends, and to a length that has an id.
        metre: id of each clip's metre, (C,).
        bars: of a clip.
        tables: of a line.
    """
    count, step = len(metre), tables.position_ticks[metre]
    length = bars * tables.bar_positions[metre]  # (C,) in positions, as all that follows
    onset = notes.onset // step[notes.clip]
    is_last = np.append(notes.clip[1:] != notes.clip[:-1], True)[: len(onset)]
    following = np.where(is_last, length[notes.clip], np.append(onset[1:], 0)[: len(onset)])
    available = np.minimum(notes.duration // step[notes.clip], following - onset)
    sounding = tables.duration[tables.durations(available)]
    end = onset + sounding
    is_first = np.append(True, notes.clip[1:] != notes.clip[:-1])[: len(onset)]
    before = np.where(is_first, onset, onset - np.append(0, end[:-1])[: len(onset)])
    after = length.copy()  # rest at the end of each clip
    after[notes.clip[is_last]] -= end[is_last]
    # Rests and notes in order: the rest before each note, the note, the last rest of a clip.
    clip = np.concatenate([notes.clip, notes.clip, np.arange(count)])
    at = np.arange(2 * len(onset)).reshape(-1, 2).T.ravel()
    at = np.append(at, np.full(count, 2 * len(onset)))
    duration = np.concatenate([before, sounding, after])
    [rest_id] = tables.ids(Kind.REST)
    pitches = tables.by_value(Kind.PITCH, tables.pitch)[notes.pitch]
    token = np.concatenate([np.full(len(onset), rest_id), pitches, np.full(count, rest_id)])
    order = np.lexsort((at, clip))
    return _line_stream(clip[order], token[order], duration[order], metre, rest_id, tables)


def _line_stream(clip: Ints, token: Ints, length: Ints, metre: Ints, rest_id: int, tables: Tables) -> Ints:
    """Notes and rests, (N,) each and clip by clip, as ids; those of length 0 are dropped."""
    # A long rest is split: as many of the longest as fit, then whole beats, then the remainder.
    is_long = (token == rest_id) & (length > EXACT)
    long, remaining = np.where(is_long, length // LONGEST, 0), np.where(is_long, length % LONGEST, length)
    beats = np.where(is_long & (remaining > EXACT), remaining - remaining % POSITIONS_PER_BEAT, 0)
    values = np.stack([np.full(len(length), LONGEST), beats, remaining - beats], axis=1)
    repeats = np.stack([long, beats > 0, remaining > beats], axis=1).astype(np.int64).ravel()  # (3N,)
    spans, sound = values.ravel().repeat(repeats), np.arange(len(length)).repeat(3).repeat(repeats)
    # The streams, (C, T): BOS, bar, metre, then two ids per note or rest, EOS.
    of_clip = np.bincount(clip[sound], minlength=len(metre))
    ids = np.zeros((len(metre), 4 + 2 * int(of_clip.max(initial=0))), dtype=np.int64)
    ids[:, 0], ids[:, 1], ids[:, 2] = tables.ids(Kind.BOS)[0], tables.ids(Kind.BAR)[0], metre
    number = np.arange(len(sound)) - (np.cumsum(of_clip) - of_clip)[clip[sound]]  # index in its clip
    ids[clip[sound], 3 + 2 * number] = token[sound]
    ids[clip[sound], 4 + 2 * number] = tables.by_value(Kind.DURATION, tables.duration, LONGEST + 1)[spans]
    ids[np.arange(len(metre)), 3 + 2 * of_clip] = tables.ids(Kind.EOS)[0]
    return ids


def read_line(ids: Ints, offsets: Ints, tables: Tables) -> Notes:
    """The notes of clips of one line; onsets from the clip's first bar line, in ticks (192 per quarter).

    Args:
        ids: (N,) concatenated; a pitch without a duration is ignored.
        offsets: (C + 1,) start of each clip.
        tables: of a line.
    """
    kind = tables.kind[ids]
    clip = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    durations = np.where(kind == Kind.DURATION, tables.duration[ids], 0)
    elapsed = np.cumsum(durations)
    start = np.append(0, elapsed)[offsets[:-1]]
    pitches = np.flatnonzero(kind[:-1] == Kind.PITCH)
    pitches = pitches[kind[pitches + 1] == Kind.DURATION]
    step = tables.position_ticks[ids[offsets[:-1] + 2]][clip[pitches]]  # after BOS and Bar
    onset = elapsed[pitches] - start[clip[pitches]]
    return Notes(clip[pitches], onset * step, durations[pitches + 1] * step, tables.pitch[ids[pitches]])
