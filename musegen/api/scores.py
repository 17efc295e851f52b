"""A score of the user for a performer: read with its events, and written as it was played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from musegen.api.inputs import OFF_GRID, label
from musegen.api.user_file import bytes_of, read_user_file
from musegen.console import say
from musegen.errors import DataError
from musegen.generation.request import Result
from musegen.music.facts import FAMILIES
from musegen.music.fingerprint import GRID, off_grid_share
from musegen.music.melody import track_names
from musegen.music.metre import bar_ticks
from musegen.music.performance import DRUMS, frame_of, instrument_of
from musegen.music.reading.midi_file import parse_midi
from musegen.music.reading.read import tidy
from musegen.music.roles import fits, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from symusic import Score

    from musegen.api.inputs import Music
    from musegen.checkpoint.folder import Checkpoint
    from musegen.config.verbs import HumanizeOptions
    from musegen.generation.humanize import ScoreFile


class ScoreInput(NamedTuple):
    """A score to play, and the file that it is from."""

    midi: bytes
    """The file as it is; other formats are written as MIDI."""
    source: ScoreFile
    tracks: list[int]
    """The numbers of the tracks that are played, from 1."""


def read_score_file(music: Music, checkpoint: Checkpoint, only: Sequence[str]) -> ScoreInput:
    """A score for a performer; tracks that it does not play are reported.

    Args:
        music: a file, a Score or a Piece.
        checkpoint: of a performer.
        only: names, roles or programs of the tracks to play; empty for all.

    Raises:
        ConfigError: the path does not exist, or is a folder.
        DataError: it was played already, or there is nothing that the performer can play.
        MidiError: the file cannot be read.
    """
    from musegen.generation.humanize import score_file

    file = read_user_file(music)
    off_grid = off_grid_share(file.score)
    if off_grid > OFF_GRID:
        raise DataError(
            f"{label(music)} is played already: {off_grid:.0%} of its onsets lie off the grid of {GRID} "
            "positions per quarter note; a performer plays scores: quantise it first"
        )
    tracks = _tracks(file.score, checkpoint, only, label(music))
    frame = frame_of(file.score, file.pad / file.score.tpq)
    source = score_file(file.events, file.raw, frame, [file.numbers[track] for track in tracks])
    return ScoreInput(bytes_of(music, file.raw), source, [track + 1 for track in tracks])


def _tracks(score: Score, checkpoint: Checkpoint, only: Sequence[str], name: str) -> list[int]:
    """The numbers of the tracks to play, from 0; said if the instruments of others are unknown.

    Raises:
        DataError: there are none.
    """
    wanted = [*only, *listed(only)]  # a name may have a comma in it
    chosen = [i for i, t in enumerate(score.tracks) if not wanted or any(fits(t, each) for each in wanted)]
    if not chosen:
        raise DataError(
            f"⟨only⟩ {', '.join(only)}: no track of {name} has this name or role; there are "
            f"{track_names(score)}"
        )
    instruments = [instrument_of(track.program, is_drum=track.is_drum) for track in score.tracks]
    known = set(checkpoint.data["instruments"])
    played = [number for number in chosen if instruments[number] in known]
    unknown = sorted({instruments[number] for number in chosen} - known)
    learned = f"{checkpoint.path.name} was trained on {_listed(sorted(known))}"
    if not played:
        raise DataError(f"{name} has {_listed(unknown)}, and {learned}: use a performer of these instruments")
    if unknown:
        say(f"{learned}: {_listed(unknown)} of {name} stay as they are")
    return played


def _listed(instruments: Sequence[int]) -> str:
    return ", ".join("drums" if each == DRUMS else FAMILIES[each] for each in instruments)


def taken_results(
    taken: ScoreInput, checkpoint: Checkpoint, verb: Any, options: HumanizeOptions, seed: int
) -> list[Result]:
    """The takes of a score; with an amount of 0, the file itself.

    Args:
        taken: the score.
        checkpoint: of a performer.
        verb: its function.
        options: of the takes.
        seed: of all random numbers.
    """
    from musegen.generation.humanize import Take

    how = {"amount": options.amount, "keep": options.keep}
    if options.amount == 0:
        takes = [Take(taken.midi, {})] * options.num
    else:
        takes = verb(checkpoint, taken.source, **how, num=options.num, seed=seed)
    return [_result(take, how | {"tracks": taken.tracks} | take.facts) for take in takes]


def _result(take: Any, facts: dict[str, Any]) -> Result:
    score, _, _ = tidy(parse_midi(take.midi)[0])
    own = tuple(range(len(score.tracks)))
    return Result(score, 0.0, len(bar_ticks(score)) - 1, [], user_tracks=own, midi=take.midi, humanized=facts)
