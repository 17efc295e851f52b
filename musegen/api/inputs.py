"""Music that a user gives, in a file or as a score: what a model is told of it. Repairs are said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, Union, cast

from musegen.console import say
from musegen.errors import ConfigError, DataError, MidiError, TokenError

if TYPE_CHECKING:
    from symusic import Score

    from musegen.api.piece import Piece
    from musegen.checkpoint.folder import Checkpoint
    from musegen.config.settings import VAEConfig
    from musegen.generation.clips import Clip

Music: TypeAlias = Union[str, Path, "Score", "Piece"]
"""The path of a music file (MIDI, MusicXML, ABC or kern), a symusic Score in ticks, or what a model wrote."""


def read_music(flag: str, music: Music) -> Score:
    """The tidy Score of music that a flag names; what had to be repaired is said.

    Raises:
        ConfigError: nothing lies there, or a folder does.
        MidiError: the file cannot be read.
    """
    from musegen.music.reading.read import tidy

    raw, repairs = _read(flag, music)
    try:
        score, _, more = tidy(raw)
    except MidiError as error:
        raise _unreadable(flag, music, error) from error
    if repairs + more:
        say(f"{_name(music)}: {'; '.join(repairs + more)}")
    return score


def read(path: str | Path) -> Piece:
    """See `musegen.read`."""
    from musegen.api.piece import Piece
    from musegen.generation.request import Result
    from musegen.music.metre import bar_ticks

    score = read_music("path", path)
    own = tuple(range(len(score.tracks)))
    return Piece(Path(path).stem, Result(score, 0.0, len(bar_ticks(score)) - 1, [], user_tracks=own), None)


class GivenTune(NamedTuple):
    """A tune that wants an accompaniment, and what else its file holds."""

    given: Score
    """The tune as it stands in the file, alone on its track."""
    melody: Score
    """The same, tidy: what a model is told of it."""
    others: Score | None
    """The file's own accompaniment, tidy; None where there is none."""
    pickup: int
    """Ticks by which the tidy scores begin earlier than the given one: a pickup filled up to a bar."""


def read_melody(flag: str, music: Music, wanted: str | None) -> GivenTune:
    """The tune in some music: the track named, or the one that is most like a melody; it is said which.

    Raises:
        ConfigError: nothing lies there, or a folder does.
        MidiError: the file cannot be read, or has no such track.
    """
    from musegen.music.melody import melody_track

    raw, repairs = _read(flag, music)
    try:
        score, homes, pickup, more = _tidy_tracks(raw)
        index, how = melody_track(score, wanted)
    except MidiError as error:
        raise _unreadable(flag, music, error) from error
    except DataError as error:
        raise MidiError(f"{_name(music)}: {error}; choose the tune with --melody") from error
    name = score.tracks[index].name.strip()
    if how == "inferred":
        say(f"the tune is taken to be track {index + 1} {name!r}; --melody names another")
    if repairs + more:
        say(f"{_name(music)}: {'; '.join(repairs + more)}")
    given, melody, others = raw.copy(), score.copy(), score.copy()
    given.tracks, melody.tracks = [raw.tracks[homes[index]]], [score.tracks[index]]
    del others.tracks[index]
    return GivenTune(given, melody, others if others.tracks else None, pickup)


def read_clip(
    flag: str, music: Music, checkpoint: Checkpoint, *, from_bar: int | None, melody: str | None
) -> Clip:
    """The clip of some music for a model of clips; what was taken of it is said.

    Raises:
        ConfigError: nothing lies there, or a folder does; or a melody is named of a model of several lines.
        MidiError: the file cannot be read.
        DataError: there is no such clip in it, or the model does not write such clips.
    """
    from musegen.generation.clips import take_clip

    score = read_music(flag, music)
    tokenizer, data = checkpoint.tokenizer, checkpoint.config.data
    one_line = data.tracks == "melody" or tokenizer.tables.voices == 1
    if melody and not one_line:
        raise ConfigError(
            f"--melody picks one track, and {checkpoint.path.name} writes several: leave it out"
        )
    try:
        clip = take_clip(
            score,
            tokenizer,
            cast("VAEConfig", checkpoint.config.model).clip_bars,
            from_bar=from_bar,
            one_line=one_line,
            melody=melody,
            drums=data.drums,
            metres=checkpoint.data.get("metres"),
        )
    except (DataError, TokenError) as error:
        raise DataError(f"{_name(music)}: {error}") from error
    for words in clip.words:
        say(f"{_name(music)}: {words}")
    return clip


def read_ends(
    first: Music, last: Music, checkpoint: Checkpoint, *, from_bar: Sequence[int], melody: str | None
) -> tuple[Clip, Clip]:
    """The clips to go from and to.

    Args:
        first: where to begin.
        last: where to end, in the same metre.
        checkpoint: of a model of clips.
        from_bar: the first bar of both clips, or of each, from 1; empty: the first in which a note begins.
        melody: the tune's track in both, by name or by number from 1.

    Raises:
        ConfigError: more than two first bars.
        DataError: they differ in metre, or one cannot be taken.
    """
    if len(from_bar) > 2:
        raise ConfigError(
            f"--from-bar has {len(from_bar)} numbers: give it one for both files, or one for each"
        )
    bars = (from_bar[0], from_bar[-1]) if from_bar else (None, None)
    begin, end = (
        read_clip(flag, music, checkpoint, from_bar=bar, melody=melody)
        for flag, music, bar in zip("AB", (first, last), bars, strict=True)
    )
    if begin.metre != end.metre:
        metres = [f"{clip.metre[0]}/{clip.metre[1]}" for clip in (begin, end)]
        raise DataError(
            f"the clips differ in metre: A ({_name(first)}) is in {metres[0]}, B ({_name(last)}) in "
            f"{metres[1]}, and what lies between has one; choose clips of one metre (--from-bar)"
        )
    return begin, end


def _read(flag: str, music: Music) -> tuple[Score, list[str]]:
    """Music before it is made tidy, a copy where it was a score; what was repaired, in words."""
    from musegen.music.reading.read import read_piece

    if not isinstance(music, str | Path):
        return _score_of(flag, music).copy(), []
    path = Path(music)
    if path.is_dir():
        raise ConfigError(f"⟨{flag}⟩ {path} is a folder: name a music file in it")
    if not path.exists():
        raise ConfigError(f"⟨{flag}⟩ {path} does not exist: name a MIDI, MusicXML or ABC file")
    try:
        return read_piece(path)
    except MidiError as error:
        raise _unreadable(flag, music, error) from error


def _score_of(flag: str, music: Score | Piece) -> Score:
    from symusic.core import ScoreTick

    from musegen.api.piece import Piece

    score = music.score if isinstance(music, Piece) else music
    if not isinstance(score, ScoreTick):
        raise ConfigError(
            f"⟨{flag}⟩ {music!r} is no music: name a file, or give a symusic Score in ticks or a Piece"
        )
    return score


def _name(music: Music) -> str:
    return str(music) if isinstance(music, str | Path) else "the score given"


def _unreadable(flag: str, music: Music, error: MidiError) -> MidiError:
    return MidiError(f"⟨{flag}⟩: cannot read {_name(music)}: {error}; name a MIDI, MusicXML or ABC file")


def _tidy_tracks(raw: Score) -> tuple[Score, list[int], int, list[str]]:
    """What `tidy` gives, and for each track that is left its number in the file."""
    from musegen.music.reading.read import tidy

    numbered = raw.copy()
    for number, track in enumerate(numbered.tracks):
        track.name = str(number)
    score, pickup, repairs = tidy(numbered)
    homes = [int(track.name) for track in score.tracks]
    for track, number in zip(score.tracks, homes, strict=True):
        track.name = raw.tracks[number].name
    return score, homes, pickup, repairs
