"""A piece of the user with gaps: read for a model, and written with everything given as it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from musegen.api.inputs import label, read_raw, said_of, tidy_tracks, unreadable
from musegen.api.piece import Piece
from musegen.api.text import gaps_of
from musegen.console import say
from musegen.errors import ConfigError, DataError, MidiError, TokenError
from musegen.generation.request import Result
from musegen.music.gaps import Gap, Gapped, gap_spans
from musegen.music.melody import how_found, melody_track, track_names
from musegen.music.metre import bar_length, bar_ticks, metre_changes, metres_at
from musegen.music.notes import note_arrays
from musegen.music.reading.guard import read_bytes
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import FORMATS, tidy
from musegen.music.writing.midi import midi_bytes
from musegen.music.writing.midi_edit import (
    Change,
    Events,
    Part,
    edited,
    explicit,
    finer,
    followed_by,
    has_other_tempo,
    metre_event,
    parts_of,
    read_events,
    write_events,
)

if TYPE_CHECKING:
    from symusic import Score

    from musegen.api.inputs import Music
    from musegen.checkpoint.folder import Checkpoint
    from musegen.generation.fill import Filled
    from musegen.tokenizers import Tokenizer


MOST_BARS = 10_000
"""In a gap, where nothing is known of the training pieces; `generate` writes no more, either."""


class GapInput(NamedTuple):
    """A piece with gaps, and the file that it is from."""

    events: Events
    """Of the file, as they are; other formats are written as MIDI first. In the ticks of `score`."""
    parts: list[list[Part]]
    """Where each track of `score` is in the file."""
    score: Score
    """Tidy, with the notes that the gaps have now."""
    gaps: list[Gap]
    pad: int
    """Ticks by which `score` begins earlier than the file: the rest that fills up the bar of a pickup."""


class _File(NamedTuple):
    """A file that has been read, in the ticks of its tidy Score."""

    events: Events
    raw: Score
    score: Score
    numbers: list[int]
    """The track in `raw` of each track of `score`."""
    pad: int
    repairs: list[str]
    """Of `score` alone."""


def read_gaps(
    tune: Music, bars: Sequence[str], *, until: Music | None = None, some_tracks: bool = False
) -> GapInput:
    """A piece with gaps.

    Args:
        tune: a file, a Score or a Piece.
        bars: ranges of bars, as typed.
        until: music that comes after it, and after the gap.
        some_tracks: only some of its tracks are missing: then no range of bars means all bars.

    Raises:
        ConfigError: ranges that cannot be used, or a path that does not exist.
        DataError: the two pieces differ in metre.
        MidiError: a file cannot be read.
    """
    is_whole = some_tracks and not bars and until is None
    gaps = [] if is_whole else gaps_of(bars)
    read = _read_file(tune)
    count = len(bar_ticks(read.score)) - 1
    gaps = gaps or [Gap(1, count)]
    if until is None:
        _check_gaps(gaps, count, label(tune), may_be_all=some_tracks)
    else:
        with said_of("until"):
            then = _read_file(until)
        read = _joined(read, then, _between(gaps, count, label(tune)), label(until))
    if read.repairs:
        say(f"the model reads the tune with repairs, which are not written: {'; '.join(read.repairs)}")
    places = parts_of(read.events, read.raw)
    parts = [places[number] for number in read.numbers]
    return GapInput(read.events, parts, read.score, gaps, read.pad)


def _read_file(music: Music) -> _File:
    raw, repairs = read_raw(music)
    try:
        read = _read_midi(_bytes_of(music, raw))
    except MidiError as error:
        raise unreadable(music, error) from error
    if repairs:
        say(f"{label(music)}: {'; '.join(repairs)}")
    return read


def _bytes_of(music: Music, raw: Score) -> bytes:
    """The music as a MIDI file: the user's own, if it is one."""
    if isinstance(music, Piece) and music.result.midi is not None:
        return music.result.midi
    if isinstance(music, str | Path) and Path(music).suffix.lower() not in FORMATS:
        return read_bytes(Path(music))
    return midi_bytes(raw, user_tracks=range(len(raw.tracks)))


def _read_midi(data: bytes) -> _File:
    raw, _ = parse_midi(data)
    score, numbers, pad, repairs = tidy_tracks(raw)
    factor = score.tpq // raw.tpq
    return _File(finer(read_events(data), factor), raw.resample(score.tpq), score, numbers, pad, repairs)


def _check_gaps(gaps: Sequence[Gap], bars: int, name: str, *, may_be_all: bool) -> None:
    """Check that gaps are within a piece, and leave something of it.

    Raises:
        ConfigError: they are not, or do not.
    """
    if gaps[-1].last > bars:
        raise ConfigError(
            f"⟨bars⟩ names bar {gaps[-1].last}, and {name} has {bars} bars as played; after its end, "
            "musegen generate goes on with ⟨prompt⟩, and ⟨until⟩ leads into other music"
        )
    if sum(gap.bars for gap in gaps) == bars and not may_be_all:
        raise ConfigError(
            f"⟨bars⟩ names all {bars} bars of {name}: with nothing given there is nothing to fill; for a new "
            "piece use musegen generate"
        )


def _between(gaps: Sequence[Gap], bars: int, name: str) -> int:
    """The number of bars between a tune and what comes after.

    Raises:
        ConfigError: the gaps are elsewhere.
    """
    if len(gaps) > 1 or gaps[0].first != bars + 1:
        raise ConfigError(
            f"⟨bars⟩ with ⟨until⟩ names the bars after the tune: {name} has {bars}, so it must be "
            f"{bars + 1}:LAST"
        )
    return gaps[0].bars


def _joined(first: _File, second: _File, bars: int, name: str) -> _File:
    """A tune, silent bars, and the music after them.

    Raises:
        DataError: the two differ in metre where they meet.
    """
    lines = bar_ticks(first.score)
    [metre] = metres_at(first.score, lines[-2:-1])
    then = metre_changes(second.score)[0][1:]
    if metre != then:
        raise DataError(
            f"⟨until⟩ {name} begins in {then[0]}/{then[1]}, and the tune ends in {metre[0]}/{metre[1]}: both "
            "must be in the same time signature"
        )
    ticks = math.lcm(first.score.tpq, second.score.tpq)
    one, other = (ticks // each.score.tpq for each in (first, second))
    shift = (int(lines[-1]) - first.pad) * one + bars * bar_length(ticks, *metre) + second.pad * other
    later = metre_changes(second.score)[1:]
    metres = [metre_event(max(0, (c.time - second.pad) * other), c.beats, c.unit) for c in later]
    pairs = _same_tracks(first, second)
    parts = [parts_of(each.events, each.raw) for each in (first, second)]
    same = [(parts[0][before][0], parts[1][after][0]) for before, after in pairs]
    if lost := _lost(pairs, same, first, second):
        say(f"{name} goes on in the tracks of the tune: {' and '.join(lost)} are not kept")
    programs = {
        parts[1][after][0]: second.raw.tracks[after].program
        for before, after in pairs
        if _kind(first.raw.tracks[before]) != _kind(second.raw.tracks[after])
    }
    then_events = explicit(second.events, programs, tempo=has_other_tempo(first.events))
    return _read_midi(
        write_events(followed_by(finer(first.events, one), finer(then_events, other), shift, same, metres))
    )


def _lost(
    pairs: Sequence[tuple[int, int]], same: Sequence[tuple[Part, Part]], first: _File, second: _File
) -> list[str]:
    """What is not kept of the tracks of the second file that go on in those of the first."""
    names = [(first.raw.tracks[before].name, second.raw.tracks[after].name) for before, after in pairs]
    channels = [(before[1], after[1]) for before, after in same]
    others = [repr(after) for before, after in names if after.strip() not in ("", before.strip())]
    moved = [str(after + 1) for before, after in channels if before != after]
    found = [f"its track names {', '.join(others)}"] if others else []
    return found + ([f"its channels {', '.join(moved)}"] if moved else [])


def _same_tracks(first: _File, second: _File) -> list[tuple[int, int]]:
    """The tracks of two files that go on from one to the other: by name, instrument, or as the only ones."""
    tracks = [[(i, t) for i, t in enumerate(each.raw.tracks) if len(t.notes)] for each in (first, second)]
    pitched = [[i for i, t in each if not t.is_drum] for each in tracks]
    pairs, free = [], dict(tracks[0])
    for number, track in tracks[1]:
        same = [
            [i for i, t in free.items() if _kind(t) == _kind(track) and t.name == track.name],
            [i for i, t in free.items() if _kind(t) == _kind(track)],
            pitched[0] if pitched[1] == [number] and len(pitched[0]) == 1 else [],
        ]
        found = next((i for several in same for i in several if i in free), None)
        if found is not None:
            del free[found]
            pairs.append((found, number))
    return pairs


def _kind(track: Any) -> int:
    return -1 if track.is_drum else int(track.program)


def _check_lengths(gaps: Sequence[Gap], checkpoint: Checkpoint) -> None:
    """Check that no gap is longer than any training piece, as far as that is recorded.

    Raises:
        ConfigError: one is.
    """
    longest = checkpoint.data.get("longest", MOST_BARS)
    for gap in gaps:
        if gap.bars > longest:
            raise ConfigError(
                f"⟨bars⟩: {gap} are {gap.bars}, and no piece that {checkpoint.path.name} was trained on has "
                f"more than {longest}: fill fewer bars at once"
            )


def choose_tracks(source: GapInput, checkpoint: Checkpoint, melody: str | None) -> Gapped:
    """What of a piece a language model fills; said if that is not everything.

    Raises:
        ConfigError: `melody` is set for a model of several lines, or a gap is longer than any training piece.
        DataError: there is no such track, or none that the model writes.
    """
    from musegen.generation.from_checkpoint import line_of

    name, tokenizer, score = checkpoint.path.name, checkpoint.tokenizer, source.score
    _check_lengths(source.gaps, checkpoint)
    every, line = list(range(len(score.tracks))), line_of(checkpoint, score)
    if line is None and melody:
        raise ConfigError(f"⟨melody⟩ selects one track, but {name} uses all tracks: leave it out")
    if line is not None:
        found = melody_track(score, melody)
        if message := how_found(score, found):
            say(message)
        tracks, what = [found.track], "writes one line"
    elif tokenizer.config.programs:
        tracks, what = tracks_with_parts(score, tokenizer), "knows other instruments"
        numbers = tokenizer.stream_programs([score.tracks[number] for number in tracks])
        if len(set(numbers)) < len(numbers):
            say(f"{name} knows tracks by instrument: of those that share one, the first has all new notes")
    else:
        tracks, what = [number for number in every if not score.tracks[number].is_drum], "writes no drums"
        if len(tracks) > 1:
            say(f"{name} writes all tracks as one: each new note is on the track nearest to it in pitch")
    if not tracks:
        raise DataError(f"{name} {what}: it can fill none of the tracks, {track_names(score)}")
    if len(tracks) < len(every):
        titles = ", ".join(f"{number + 1} {score.tracks[number].name.strip()}".strip() for number in tracks)
        say(f"{name} {what}: it fills track {titles}; the others stay as they are, and are not read")
    return Gapped(score, source.gaps, tracks, source.pad)


def tracks_with_parts(score: Score, tokenizer: Tokenizer) -> list[int]:
    """The numbers of the tracks that a model with programs or parts knows."""
    known: list[int] = []
    for number in range(len(score.tracks)):
        try:
            tokenizer.stream_programs([score.tracks[each] for each in (*known, number)])
        except TokenError:
            continue
        known.append(number)
    return known


def filled_result(
    source: GapInput, gapped: Gapped, filled: Filled, *, density: float | None = None
) -> Result:
    """The user's piece with new notes in its gaps; `density` is what was requested, for the manifest."""
    spans = [(begin - source.pad, end - source.pad) for begin, end in gap_spans(source.score, source.gaps)]
    changes, count = [], 0
    for number in gapped.tracks:
        columns = (each.tolist() for each in note_arrays(filled.notes.tracks[number]))
        notes = []
        for onset, duration, pitch, velocity in zip(*columns, strict=True):
            begin, end = max(0, onset - source.pad), onset - source.pad + duration
            if end > begin:  # not before the pickup
                notes.append((begin, end - begin, pitch, velocity))
        if not source.parts[number]:  # chords that the file has as symbols alone
            continue
        first, *more = source.parts[number]
        changes += [Change(first, spans, notes), *(Change(part, spans) for part in more)]
        count += len(notes)
    data = write_events(edited(source.events, changes))
    score, _, _ = tidy(parse_midi(data)[0])
    facts = {
        "bars": [f"{gap.first}:{gap.last}" for gap in source.gaps],
        "tracks": [number + 1 for number in gapped.tracks],
        "notes": count,
        "notes_per_bar": count / sum(gap.bars for gap in source.gaps),
        **({} if density is None else {"density": density}),
        "log_likelihood_after": filled.following,
    }
    return Result(
        score,
        filled.log_likelihood,
        max(len(bar_ticks(score)) - 1, source.gaps[-1].last),
        filled.ids,
        filled.precision_gap,
        user_tracks=tuple(range(len(score.tracks))),
        midi=data,
        filled=facts,
    )


def changed_words(filled: Sequence[Filled]) -> list[str]:
    """A message about new notes that gave way to given ones."""
    count = sum(each.changed for each in filled)
    return [f"{count} new notes shortened or left out, where a given note has their pitch"] if count else []
