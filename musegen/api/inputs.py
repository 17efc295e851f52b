"""Music from the user, in a file or as a score, prepared as input of a model; repairs are reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, Union, cast

from musegen.console import say
from musegen.errors import ConfigError, DataError, MidiError, MusegenError, TokenError

if TYPE_CHECKING:
    from symusic import Score

    from musegen.api.piece import Piece
    from musegen.checkpoint.folder import Checkpoint
    from musegen.config.autoencoder import VAEConfig
    from musegen.data.sources import ReadPiece
    from musegen.generation.clips import Clip
    from musegen.tokenizers import Tokenizer

OFF_GRID = 0.1
"""Share of the onsets of a tune off the model's grid above which there is a warning."""
Music: TypeAlias = Union[str, Path, "Score", "Piece"]
"""The path of a music file (MIDI, MusicXML, ABC or kern), a symusic Score in ticks, or a Piece."""


def read_music(music: Music, *, option: str = "") -> Score:
    """The tidy Score of some music; repairs are reported.

    Args:
        music: a file, a Score or a Piece.
        option: that the music is of, for messages; none for an argument without a name.

    Raises:
        ConfigError: the path does not exist, or is a folder.
        MidiError: the file cannot be read.
    """
    from musegen.music.reading.read import tidy

    with said_of(option):
        raw, repairs = read_raw(music)
        try:
            score, _, more = tidy(raw)
        except MidiError as error:
            raise unreadable(music, error) from error
    if repairs + more:
        say(f"{label(music)}: {'; '.join(repairs + more)}")
    return score


def read(path: str | Path) -> Piece:
    """See `musegen.read`."""
    from musegen.api.piece import Piece
    from musegen.generation.request import Result
    from musegen.music.metre import bar_ticks

    score = read_music(path)
    own = tuple(range(len(score.tracks)))
    return Piece(Path(path).stem, Result(score, 0.0, len(bar_ticks(score)) - 1, [], user_tracks=own), None)


def read_described(music: Music) -> ReadPiece:
    """Some music as a dataset would hold it, with what its index would say of it; repairs are reported.

    Raises:
        ConfigError: the path does not exist, or is a folder.
        MidiError: the file cannot be read.
    """
    from musegen.data.sources import described

    raw, repairs = read_raw(music)
    try:
        found = described(label(music), raw, repairs)
    except MidiError as error:
        raise unreadable(music, error) from error
    if found.repairs:
        say(f"{label(music)}: {'; '.join(found.repairs)}")
    return found


class MelodyInput(NamedTuple):
    """A melody to accompany, and the rest of its file."""

    verbatim: Score
    """The melody track exactly as in the file."""
    melody: Score
    """The same track, tidy: the input of the model."""
    others: Score | None
    """The file's own accompaniment, tidy; None if there is none."""
    pad: int
    """Ticks by which the tidy scores begin earlier: the rest that fills up the bar of a pickup."""


def read_melody(music: Music, melody: str | None) -> MelodyInput:
    """The melody of some music: the track requested, or the one detected, which is reported.

    Args:
        music: a file, a Score or a Piece.
        melody: the track, as of `melody_track`; None to detect it.

    Raises:
        ConfigError: the path does not exist, or is a folder.
        MidiError: the file cannot be read, or has no such track.
    """
    from musegen.music.melody import how_found, melody_track
    from musegen.music.metre import bar_ticks

    raw, repairs = read_raw(music)
    try:
        score, numbers, pad, more = tidy_tracks(raw)
        found = melody_track(score, melody)
    except MidiError as error:
        raise unreadable(music, error) from error
    except DataError as error:
        raise MidiError(f"{label(music)}: {error}; choose the melody with ⟨melody⟩") from error
    if message := how_found(score, found):
        say(message)
    if repairs + more:
        say(f"{label(music)}: {'; '.join(repairs + more)}")
    verbatim, tidy_melody, others = raw.copy(), score.copy(), score.copy()
    verbatim.tracks, tidy_melody.tracks = [raw.tracks[numbers[found.track]]], [score.tracks[found.track]]
    del others.tracks[found.track]
    ends, bars = (len(bar_ticks(each)) - 1 for each in (tidy_melody, score))
    if ends < bars:
        say(f"the melody ends in bar {ends} of {bars}: the accompaniment goes on to the end of the file")
    return MelodyInput(verbatim, tidy_melody, others if others.tracks else None, pad)


def read_taps(music: Music, track: str | None) -> MelodyInput:
    """The rhythm of some music, of which a kit is made: all its notes, or those of one track, on one key.

    Args:
        music: a file, a Score or a Piece.
        track: as of `melody_track`; None: all tracks.

    Raises:
        ConfigError: the path does not exist, or is a folder.
        MidiError: the file cannot be read, or has no such track.
    """
    from musegen.music.melody import melody_track
    from musegen.music.taps import taps_of

    raw, repairs = read_raw(music)
    try:
        score, _, pad, more = tidy_tracks(raw)
        if track is not None:
            score.tracks = [score.tracks[melody_track(score, track).track]]
    except MidiError as error:
        raise unreadable(music, error) from error
    except DataError as error:
        raise MidiError(f"{label(music)}: {error}; choose the track with ⟨melody⟩") from error
    if repairs + more:
        say(f"{label(music)}: {'; '.join(repairs + more)}")
    return MelodyInput(raw, taps_of(score), None, pad)


def say_misfits(what: str, score: Score, tokenizer: Tokenizer) -> None:
    """Say which bars and onsets of some music a model reads in another place.

    Args:
        what: what the music is, such as "the tune".
        score: tidy.
        tokenizer: the model's.
    """
    from musegen.music.fingerprint import GRID, off_grid_share
    from musegen.music.odd_bars import fill_odd_bars
    from musegen.tokenizers import GridTokenizer

    odd = len(fill_odd_bars(score, tokenizer.time_signatures).rests)
    if odd:
        say(f"{what} has {odd} odd bar{'s' * (odd > 1)}: the model reads each with a rest that fills it up")
    if tokenizer.config.shift:  # onsets off the grid have tokens
        return
    grid = tokenizer.positions if isinstance(tokenizer, GridTokenizer) else GRID
    off_grid = off_grid_share(score, grid)
    if off_grid > OFF_GRID:
        say(
            f"warning: {off_grid:.0%} of the onsets of {what} are off the model's grid, {grid} positions per "
            "quarter note (swung, or played live): what it writes stands on the nearest positions and may "
            "leave holes; quantise it first"
        )


def say_ended_tracks(prompt: Score, checkpoint: Checkpoint) -> None:
    """Say which tracks of a prompt do not go on in the new bars, and why.

    Args:
        prompt: tidy.
        checkpoint: of a language model.
    """
    from musegen.generation.from_checkpoint import line_of

    name, programs, tracks = checkpoint.path.name, checkpoint.tokenizer.config.programs, prompt.tracks
    line, pitched = line_of(checkpoint, prompt), sum(not track.is_drum for track in prompt.tracks)
    if len(tracks) == 1:
        return
    if line is not None:
        title = f"{line + 1} {tracks[line].name.strip()}".strip()
        say(
            f"{name} writes one line: of the {len(tracks)} tracks of the prompt it continues the melody, "
            f"track {title}; the others are kept, and end there. To continue all, train a model on such music"
        )
    elif not programs and pitched == 1:
        say(f"{name} writes no drums: those of the prompt are kept, and end there")
    elif not programs:
        say(f"{name} writes all tracks as one: what it adds to the prompt is on a track of its own")
    elif len(set(checkpoint.tokenizer.stream_programs(tracks))) < len(tracks):
        say(f"{name} knows tracks by instrument: of those that share one, the first goes on for all")


def read_clip(music: Music, checkpoint: Checkpoint, *, from_bar: int | None, melody: str | None) -> Clip:
    """A clip of some music, as input of a clip model (VAE); what was selected is reported.

    Args:
        music: a file, a Score or a Piece.
        checkpoint: of a clip model.
        from_bar: first bar of the clip, from 1; None for the first with a melody note.
        melody: the track, by name or by number from 1; None to detect it.

    Raises:
        ConfigError: the path does not exist, or is a folder; or `melody` is set for a polyphonic model.
        MidiError: the file cannot be read.
        DataError: there is no such clip, or the model does not support it.
    """
    from musegen.generation.clips import take_clip

    score = read_music(music)
    tokenizer, data = checkpoint.tokenizer, checkpoint.config.data
    is_monophonic = data.tracks == "melody" or tokenizer.tables.voices == 1
    if melody and not is_monophonic:
        raise ConfigError(
            f"⟨melody⟩ selects one track, but {checkpoint.path.name} uses all tracks: leave it out"
        )
    try:
        clip = take_clip(
            score,
            tokenizer,
            cast("VAEConfig", checkpoint.config.model).clip_bars,
            from_bar=from_bar,
            one_line=is_monophonic,
            melody=melody,
            drums=data.drums,
            metres=checkpoint.data.get("metres"),
        )
    except (DataError, TokenError) as error:
        raise DataError(f"{label(music)}: {error}") from error
    for message in clip.words:
        say(f"{label(music)}: {message}")
    return clip


def read_ends(
    first: Music, last: Music, checkpoint: Checkpoint, *, from_bar: Sequence[int], melody: str | None
) -> tuple[Clip, Clip]:
    """The two clips to interpolate between.

    Args:
        first: music with the first clip.
        last: music with the last, in the same metre.
        checkpoint: of a clip model (VAE).
        from_bar: first bar of both clips, or of each, from 1; empty: the first bar with a melody note.
        melody: the melody track in both, by name or by number from 1.

    Raises:
        ConfigError: more than two first bars.
        DataError: the clips differ in metre, or one cannot be used.
    """
    if len(from_bar) > 2:
        raise ConfigError(f"⟨from-bar⟩ has {len(from_bar)} numbers: use one for both files, or one for each")
    bars = (from_bar[0], from_bar[-1]) if from_bar else (None, None)
    begin, end = (
        read_clip(music, checkpoint, from_bar=bar, melody=melody)
        for music, bar in zip((first, last), bars, strict=True)
    )
    if begin.metre != end.metre:
        metres = [f"{clip.metre[0]}/{clip.metre[1]}" for clip in (begin, end)]
        raise DataError(
            f"the clips differ in time signature: A ({label(first)}) is in {metres[0]}, B ({label(last)}) "
            f"in {metres[1]}; choose clips in the same time signature (⟨from-bar⟩)"
        )
    return begin, end


def read_raw(music: Music) -> tuple[Score, list[str]]:
    """Music before it is tidied (a copy of a Score), and the repairs of the file, in words."""
    from musegen.music.reading.read import read_piece

    if not isinstance(music, str | Path):
        return _score_of(music).copy(), []
    path = Path(music)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: name a music file in it")
    if not path.exists():
        raise ConfigError(f"{path} does not exist: name a MIDI, MusicXML or ABC file")
    try:
        return read_piece(path)
    except MidiError as error:
        raise unreadable(music, error) from error


def _score_of(music: Score | Piece) -> Score:
    from symusic.core import ScoreTick

    from musegen.api.piece import Piece

    score = music.score if isinstance(music, Piece) else music
    if not isinstance(score, ScoreTick):
        raise ConfigError(f"{music!r} is not music: pass a file, a symusic Score in ticks or a Piece")
    return score


def label(music: Music) -> str:
    """What some music is called in messages."""
    return str(music) if isinstance(music, str | Path) else "the score"


@contextmanager
def said_of(option: str) -> Iterator[None]:
    """Begin the message of an error in the block with the name of an option, if there is one."""
    try:
        yield
    except MusegenError as error:
        if not option:
            raise
        raise type(error)(f"⟨{option}⟩: {error}") from error


def unreadable(music: Music, error: MidiError) -> MidiError:
    """The error of some music that cannot be read."""
    return MidiError(f"cannot read {label(music)}: {error}; name a MIDI, MusicXML or ABC file")


def tidy_tracks(raw: Score) -> tuple[Score, list[int], int, list[str]]:
    """The tidy Score, the number in the file of each track left, the rest before its pickup, the repairs."""
    from musegen.music.metre import bar_ticks
    from musegen.music.reading.read import tidy

    numbered = raw.copy()
    for number, track in enumerate(numbered.tracks):
        track.name = str(number)
    score, pickup, repairs = tidy(numbered)
    numbers = [int(track.name) for track in score.tracks]
    for track, number in zip(score.tracks, numbers, strict=True):
        track.name = raw.tracks[number].name
    return score, numbers, int(bar_ticks(score)[1]) - pickup if pickup else 0, repairs
