"""Clips of one line as pitch and duration in turn: two ids a note, and its place follows from those before.

A clip is BOS Bar TimeSig ((Pitch | Rest) Duration)+ EOS, all of it in one metre: bars follow from counting,
so that the only one written is the first. Whole pieces are written by another tokenizer, of events; clips
are cut out of its streams (see data/clips.py), and written anew by `write_line`.
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
"""Positions up to which every length has an id; longer rests are whole beats, and then what is left."""
LONGEST = 64 * POSITIONS_PER_BEAT
"""Positions of the longest rest that has an id."""
VELOCITY = 90
"""Of decoded notes: a line does not say how loud they are."""


class LineTokenizer:
    """Clips to ids and back; `events` writes the pieces that clips are cut from.

    Args:
        events: with neither programs nor velocities nor tempos.
    """

    kind = "line"
    parts: tuple[Part, ...] = ()

    def __init__(self, events: RemiTokenizer) -> None:
        self.events = events
        self.config = replace(events.config, kind="line")
        self.time_signatures = events.time_signatures
        is_kept = events.tables.kind != Kind.POSITION
        self._here = np.cumsum(is_kept) - 1
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
            config: with neither programs nor velocities nor tempos.
            time_signatures: metres of the dataset, added to the common ones.
        """
        plain = replace(config, kind="remi", programs=False)
        return cls(RemiTokenizer.build(plain, time_signatures=time_signatures, programs=[]))

    def of_events(self, ids: Ints) -> Ints:
        """The ids of tokens, (N,), by their ids in the events' vocabulary; positions have none."""
        return self._here[ids]

    def stream_programs(self, tracks: Sequence[TrackTick]) -> list[int]:
        """The voice of each track: the one there is."""
        return [0] * len(tracks)

    def decode(self, ids: npt.ArrayLike, *, ticks_per_quarter: int = 480) -> ScoreTick:
        """The score that a clip's ids say, padding ignored.

        Args:
            ids: (T,) from BOS on.
            ticks_per_quarter: of the score returned.

        Raises:
            TokenError: an id outside the vocabulary, or no metre.
        """
        array = self.tables.checked(ids)
        if len(array) < 3 or self.tables.kind[array[2]] != Kind.TIME_SIGNATURE:
            raise TokenError("the ids of a line begin with BOS, a bar and its metre")
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
        """The whole tokenizer for tokenizer.json."""
        return self.events.to_dict() | {"kind": self.kind}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "LineTokenizer":
        """Rebuild a saved tokenizer.

        Raises:
            TokenError: a damaged setting, or one that a line cannot have.
        """
        events = RemiTokenizer.from_dict(saved | {"kind": RemiTokenizer.kind})
        if events.config.programs or events.config.velocity or events.config.tempo:
            raise TokenError(
                "tokenizer.json is damaged: a line says neither programs nor velocities nor tempos"
            )
        return cls(events)


def write_line(notes: Notes, metre: Ints, bars: int, tables: Tables) -> Ints:
    """The ids of clips of one line, (C, T), padded at the end with 0.

    Args:
        notes: clip by clip, no two of a clip beginning together; each is cut where the next begins or the
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
    wanted = np.minimum(notes.duration // step[notes.clip], following - onset)
    sounding = tables.duration[tables.durations(wanted)]
    end = onset + sounding
    is_first = np.append(True, notes.clip[1:] != notes.clip[:-1])[: len(onset)]
    before = np.where(is_first, onset, onset - np.append(0, end[:-1])[: len(onset)])
    behind = length.copy()  # silence at the end of each clip
    behind[notes.clip[is_last]] -= end[is_last]
    # Silence and sound in their order: what precedes each note, the note, a clip's last silence.
    clip = np.concatenate([notes.clip, notes.clip, np.arange(count)])
    at = np.arange(2 * len(onset)).reshape(-1, 2).T.ravel()
    at = np.append(at, np.full(count, 2 * len(onset)))
    lasts = np.concatenate([before, sounding, behind])
    [rest_id] = tables.ids(Kind.REST)
    pitches = tables.by_value(Kind.PITCH, tables.pitch)[notes.pitch]
    what = np.concatenate([np.full(len(onset), rest_id), pitches, np.full(count, rest_id)])
    order = np.lexsort((at, clip))
    return _laid_out(clip[order], what[order], lasts[order], metre, rest_id, tables)


def _laid_out(clip: Ints, what: Ints, lasts: Ints, metre: Ints, rest_id: int, tables: Tables) -> Ints:
    """Stretches of sound and silence, (N,) each and clip by clip, as ids; none for what does not last."""
    # A long rest is several: as many of the longest as fit, whole beats, and what is left.
    is_long = (what == rest_id) & (lasts > EXACT)
    most, left = np.where(is_long, lasts // LONGEST, 0), np.where(is_long, lasts % LONGEST, lasts)
    beats = np.where(is_long & (left > EXACT), left - left % POSITIONS_PER_BEAT, 0)
    parts = np.stack([most, (beats > 0).astype(np.int64), (left > beats).astype(np.int64)], axis=1)  # (N, 3)
    values = np.stack([np.full(len(lasts), LONGEST), beats, left - beats], axis=1)
    times = parts.ravel()
    spans, whose = np.repeat(values.ravel(), times), np.repeat(np.repeat(np.arange(len(lasts)), 3), times)
    of_clip = np.bincount(clip[whose], minlength=len(metre))
    ids = np.zeros((len(metre), 4 + 2 * int(of_clip.max(initial=0))), dtype=np.int64)
    ids[:, 0], ids[:, 1], ids[:, 2] = tables.ids(Kind.BOS)[0], tables.ids(Kind.BAR)[0], metre
    number = np.arange(len(whose)) - (np.cumsum(of_clip) - of_clip)[clip[whose]]  # in its clip
    ids[clip[whose], 3 + 2 * number] = what[whose]
    ids[clip[whose], 4 + 2 * number] = tables.by_value(Kind.DURATION, tables.duration, LONGEST + 1)[spans]
    ids[np.arange(len(metre)), 3 + 2 * of_clip] = tables.ids(Kind.EOS)[0]
    return ids


def read_line(ids: Ints, offsets: Ints, tables: Tables) -> Notes:
    """What clips of one line say; onsets from a clip's first bar line, in ticks of 192 a quarter.

    Args:
        ids: (N,) end to end; a pitch without a duration is no note.
        offsets: (C + 1,) where each begins.
        tables: of a line.
    """
    kind = tables.kind[ids]
    clip = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    lasts = np.where(kind == Kind.DURATION, tables.duration[ids], 0)
    gone = np.cumsum(lasts)
    start = np.append(0, gone)[offsets[:-1]]
    struck = np.flatnonzero(kind[:-1] == Kind.PITCH)
    struck = struck[kind[struck + 1] == Kind.DURATION]
    step = tables.position_ticks[ids[offsets[:-1] + 2]][clip[struck]]  # behind BOS and Bar
    onset = gone[struck] - start[clip[struck]]
    return Notes(clip[struck], onset * step, lasts[struck + 1] * step, tables.pitch[ids[struck]])
