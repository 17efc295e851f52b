"""A piece of the user with gaps: read for a model, and written with everything given as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from musegen.api.inputs import label, said_of
from musegen.api.joining import bars_between, joined_files
from musegen.api.text import gaps_of
from musegen.api.user_file import read_user_file
from musegen.console import say
from musegen.errors import ConfigError, DataError, TokenError
from musegen.generation.request import Result
from musegen.music.gaps import Gap, Gapped, gap_spans
from musegen.music.melody import how_found, melody_track, track_names
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import tidy
from musegen.music.writing.midi_edit import (
    Change,
    Events,
    Part,
    edited,
    parts_of,
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
    read = read_user_file(tune)
    count = len(bar_ticks(read.score)) - 1
    gaps = gaps or [Gap(1, count)]
    if until is None:
        _check_gaps(gaps, count, label(tune), may_be_all=some_tracks)
    else:
        with said_of("until"):
            then = read_user_file(until)
        read = joined_files(read, then, bars_between(gaps, count, label(tune)), label(until))
    if read.repairs:
        say(f"the model reads the tune with repairs, which are not written: {'; '.join(read.repairs)}")
    places = parts_of(read.events, read.raw)
    parts = [places[number] for number in read.numbers]
    return GapInput(read.events, parts, read.score, gaps, read.pad)


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
        given=filled.given,
    )


def changed_words(filled: Sequence[Filled]) -> list[str]:
    """A message about new notes that gave way to given ones."""
    count = sum(each.changed for each in filled)
    return [f"{count} new notes shortened or left out, where a given note has their pitch"] if count else []
