"""Chords of a piece that is filled: given as symbols, read as a track, and written as both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from musegen.api.gaps import GapInput, filled_result
from musegen.console import say
from musegen.errors import ConfigError
from musegen.music.chord_sequence import parse_chords, placed
from musegen.music.chord_symbols import PREFIX, chord_symbols, put_symbols, symbol_text
from musegen.music.chord_track import NAME, Symbols, chord_track, symbols_of_track, with_chord_track
from musegen.music.gaps import Gapped, gap_spans, is_within, merged, split_notes
from musegen.music.melody import melody_track
from musegen.music.metre import bar_ticks
from musegen.music.notes import note_arrays, put_notes
from musegen.music.roles import listed
from musegen.music.writing.midi_edit import with_markers

if TYPE_CHECKING:
    from musegen.checkpoint.folder import Checkpoint
    from musegen.generation.fill import Filled
    from musegen.generation.request import Result


def with_chords(
    source: GapInput, checkpoint: Checkpoint, chords: str | None, wanted: Sequence[str]
) -> GapInput:
    """A piece with the track of its chords, if a model reads one and they are given, at least in some bars.

    A track that is made of symbols is not in the file; new chords in it are written as symbols alone.

    Args:
        source: the piece and its gaps.
        checkpoint: of the model that fills them.
        chords: as typed; they replace those of the piece, and are written as markers.
        wanted: the tracks that are filled, as typed.

    Raises:
        ConfigError: the model reads no chords, they are given and missing, or cannot be parsed.
    """
    from musegen.data.selection import MELODY, named_melody

    reads_chords = checkpoint.config.fills and checkpoint.config.data.chords
    are_missing = NAME in [text.casefold() for text in listed(wanted)]
    if chords is not None and not reads_chords:
        raise ConfigError(
            f"⟨chords⟩ needs a model that was trained with ⟨data.chords⟩ and ⟨data.holes⟩, and "
            f"{checkpoint.path.name} was not: leave it out"
        )
    if chords is not None and are_missing:
        raise ConfigError("⟨chords⟩ are given, and ⟨tracks⟩ names them as missing: leave one of both out")
    if not reads_chords:
        return source
    score, events = source.score.copy(), source.events
    if all(track.name.strip().casefold() != MELODY for track in score.tracks):
        score = named_melody(score, melody_track(score).track)
    is_whole = sum(gap.bars for gap in source.gaps) >= len(bar_ticks(score)) - 1
    if are_missing and (is_whole or not chord_symbols(score)):
        return source._replace(score=score)
    if chords is not None:
        if chord_symbols(score):
            say("the chord symbols of the tune are replaced by ⟨chords⟩")
        symbols = placed(parse_chords(chords), score)
        put_symbols(score, symbols)
        events = with_markers(events, [(0, 2**62)], PREFIX, _marks(symbols, source.pad))
    whole = with_chord_track(score)
    new = len(whole.tracks) - len(score.tracks)
    return source._replace(events=events, score=whole, parts=[*source.parts, *[[] for _ in range(new)]])


def filled_results(
    source: GapInput, gapped: Gapped, filled: Sequence[Filled], *, density: float | None
) -> list[Result]:
    """The piece filled in several ways; `density` is what was requested, for the manifest."""
    voiced = (with_symbols(source, gapped, each) for each in filled)
    return [filled_result(own, gapped, each, density=density) for own, each in voiced]


def with_symbols(source: GapInput, gapped: Gapped, filled: Filled) -> tuple[GapInput, Filled]:
    """The piece with the symbols of its new chords, and these in the voicing that is read as the symbols."""
    number = next(
        (each for each in gapped.tracks if gapped.score.tracks[each].name.strip().casefold() == NAME), None
    )
    if number is None:
        return source, filled
    spans, bars = gap_spans(gapped.score, gapped.gaps), bar_ticks(gapped.score)
    whole = merged(split_notes(gapped.score, spans, gapped.tracks)[0], filled.notes)
    symbols = symbols_of_track(whole.tracks[number], bars)
    columns = note_arrays(chord_track(symbols, bars))
    inside = is_within(columns[0], spans)
    notes = filled.notes.copy()
    put_notes(notes.tracks[number], *(column[inside] for column in columns))
    new = [(tick, symbol) for tick, symbol in symbols if any(begin <= tick < end for begin, end in spans)]
    moved = [(max(0, begin - source.pad), end - source.pad) for begin, end in spans]
    events = with_markers(source.events, moved, PREFIX, _marks(new, source.pad))
    return source._replace(events=events), filled._replace(notes=notes)


def _marks(symbols: Symbols, pad: int) -> list[tuple[int, str]]:
    """Text by tick of the file."""
    return [(max(0, tick - pad), PREFIX + symbol_text(symbol)) for tick, symbol in symbols]
