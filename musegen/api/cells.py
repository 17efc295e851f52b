"""Which cells of a piece are filled: some of its tracks, in some of its bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from musegen.api.chord_cells import with_chords
from musegen.api.gaps import GapInput, choose_tracks, read_gaps, tracks_with_parts
from musegen.api.inputs import say_misfits
from musegen.console import say
from musegen.data.holes import LONGEST
from musegen.errors import ConfigError, DataError
from musegen.music.gaps import Gapped
from musegen.music.melody import melody_track, track_names
from musegen.music.metre import bar_ticks
from musegen.music.roles import fits, is_called, listed, program_role
from musegen.music.writing.midi_edit import with_track

if TYPE_CHECKING:
    from symusic import Score

    from musegen.api.inputs import Music
    from musegen.checkpoint.folder import Checkpoint
    from musegen.config.verbs import FillOptions
    from musegen.tokenizers import Tokenizer


class _NewTrack(NamedTuple):
    """A track that a model writes and a piece does not have."""

    name: str
    program: int
    """-1 for drums."""


def cells_of(tune: Music, options: FillOptions, checkpoint: Checkpoint) -> tuple[GapInput, Gapped]:
    """A piece and what of it is filled, by the options.

    Raises:
        MusegenError: it cannot be read, or the model does not fill that.
    """
    if checkpoint.config.pairs:
        raise ConfigError(
            f"{checkpoint.path.name} accompanies melodies and fills nothing: use musegen accompany, a "
            "language model, or train one with ⟨data.holes⟩"
        )
    source = read_gaps(tune, options.bars, until=options.until, some_tracks=bool(options.tracks))
    say_misfits("the tune", source.score, checkpoint.tokenizer)
    source = with_chords(source, checkpoint, options.chords, options.tracks)
    return choose_cells(source, checkpoint, options.tracks, options.melody)


def choose_cells(
    source: GapInput, checkpoint: Checkpoint, tracks: Sequence[str], melody: str | None = None
) -> tuple[GapInput, Gapped]:
    """What of a piece a model fills, and the piece with its new tracks; said if that is not everything.

    Args:
        source: the piece and its gaps.
        checkpoint: a language model, or one that was trained with holes.
        tracks: those that are missing, by name, number from 1, role or program; empty: all of them.
        melody: the track of a model of one line.

    Raises:
        ConfigError: the model does not fill such cells.
        DataError: there is no such track, or none that the model writes.
    """
    wanted = listed(tracks)
    if not wanted:
        gapped = choose_tracks(source, checkpoint, melody)
        _check_holes(checkpoint, source, some_tracks=False)
        return source, gapped
    name, tokenizer = checkpoint.path.name, checkpoint.tokenizer
    if not checkpoint.config.fills:
        raise ConfigError(
            f"⟨tracks⟩ needs a model that was trained with missing tracks (⟨data.holes⟩ cells), and {name} "
            "fills bars: leave it out"
        )
    if not tokenizer.config.programs:
        raise ConfigError(f"⟨tracks⟩: {name} writes all tracks as one: leave it out")
    known = tracks_with_parts(source.score, tokenizer)
    missing: list[int] = []
    for text in wanted:
        found = _found(text, source.score, known)
        if not found:
            source = _with_new(source, _new_track(text, checkpoint, source.score))
            found = [len(source.score.tracks) - 1]
            known.append(found[0])
        missing += [number for number in found if number not in missing]
    read = [number for number in known if number not in missing]
    is_whole = sum(gap.bars for gap in source.gaps) >= len(bar_ticks(source.score)) - 1
    if not read and is_whole:
        raise ConfigError(
            f"⟨tracks⟩ names all tracks that {name} reads: with nothing given there is nothing to fill"
        )
    _check_holes(checkpoint, source, some_tracks=bool(read), all_bars=is_whole)
    if others := [number for number in range(len(source.score.tracks)) if number not in known]:
        titles = ", ".join(str(number + 1) for number in others)
        say(f"{name} knows other instruments: track {titles} stays as it is, and is not read")
    return source, Gapped(source.score, source.gaps, sorted(missing), source.pad, read)


def _found(text: str, score: Score, known: Sequence[int]) -> list[int]:
    """The tracks that a text names, by number; a name comes before a role.

    Raises:
        DataError: a number, and there is no such track that the model knows.
    """
    if text.isdigit() and not any(score.tracks[number].name.strip() == text for number in known):
        if int(text) - 1 not in known:
            raise DataError(
                f"⟨tracks⟩ has {text}: the model knows no such track; there are {track_names(score)}"
            )
        return [int(text) - 1]
    named = [number for number in known if score.tracks[number].name.strip().casefold() == text.casefold()]
    if not named and text.casefold() == "melody":
        named = [number for number in [melody_track(score).track] if number in known]
    return named or [number for number in known if fits(score.tracks[number], text)]


def _new_track(text: str, checkpoint: Checkpoint, score: Score) -> _NewTrack:
    """The track that a text names and a piece does not have.

    Raises:
        DataError: the model does not write it, either.
    """
    tokenizer = checkpoint.tokenizer
    there = _written(tokenizer, checkpoint)
    for each in there:
        if is_called(text, name=each.name, role=program_role(each.program), program=each.program):
            say(f"there is no track {text!r}: it is new")
            return each
    names = ", ".join(dict.fromkeys(each.name or program_role(each.program) for each in there))
    raise DataError(
        f"⟨tracks⟩ has {text!r}: there are the tracks {track_names(score)}, and {checkpoint.path.name} "
        f"writes {names}"
    )


def _written(tokenizer: Tokenizer, checkpoint: Checkpoint) -> list[_NewTrack]:
    """The tracks that a model writes, the most frequent in training first."""
    if tokenizer.parts:
        return [_NewTrack(part.name, part.program) for part in tokenizer.parts]
    counts: dict[int, int] = {}
    for piece in checkpoint.data.get("train", ()):
        for number in piece["programs"]:
            counts[number] = counts.get(number, 0) + 1
    numbers = sorted(counts, key=lambda number: -counts[number])
    return [_NewTrack("", number if number < 128 else -1) for number in numbers]


def _with_new(source: GapInput, new: _NewTrack) -> GapInput:
    """The piece with a new track, which has no notes.

    Raises:
        MidiError: there is no channel for it.
    """
    from symusic import Track

    events, part = with_track(source.events, new.name or program_role(new.program).capitalize(), new.program)
    score = source.score.copy()
    score.tracks.append(Track(new.name, max(new.program, 0), is_drum=new.program < 0, ttype="Tick"))
    return source._replace(events=events, parts=[*source.parts, [part]], score=score)


def _check_holes(
    checkpoint: Checkpoint, source: GapInput, *, some_tracks: bool, all_bars: bool = False
) -> None:
    """Check that a model was trained with such holes.

    Raises:
        ConfigError: it was not.
    """
    name, holes = checkpoint.path.name, checkpoint.config.data.holes
    if holes == "bars" and some_tracks:
        raise ConfigError(
            f"⟨tracks⟩: {name} was trained with ⟨data.holes⟩ bars, in which all tracks are missing: leave it "
            "out, or train one with ⟨data.holes⟩ cells"
        )
    if holes == "tracks" and not (some_tracks and all_bars):
        raise ConfigError(
            f"⟨bars⟩: {name} was trained with ⟨data.holes⟩ tracks, which are missing in all bars: name "
            "⟨tracks⟩ without ⟨bars⟩, or train one with ⟨data.holes⟩ cells"
        )
    longest = max(gap.bars for gap in source.gaps)
    if holes != "none" and not (some_tracks and all_bars) and longest > LONGEST:
        raise ConfigError(
            f"⟨bars⟩ has a gap of {longest} bars: {name} was trained with gaps of at most {LONGEST}; fill a "
            "part of it first"
        )
