"""Accompanying as filling: the melody is given, and all bars of the other tracks are missing."""

from collections.abc import Sequence

import numpy as np
from symusic import Track
from symusic.core import ScoreTick

from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError, TokenError
from musegen.generation.accompany import (
    Accompaniment,
    accompaniment_constraints,
    dressed_for,
    kept_bars,
    rosters_of,
    with_parts_only,
)
from musegen.generation.fill_holes import fill_holes
from musegen.generation.machine import Machine
from musegen.generation.request import Result, TrainingDefaults
from musegen.music.gaps import Gap, Gapped
from musegen.music.melody import skyline
from musegen.music.metre import bar_ticks
from musegen.music.notes import last_end
from musegen.tokenizers import WholeTokenizer
from musegen.tokenizers.tables import DRUMS


def accompany_holes(
    machine: Machine,
    tokenizer: WholeTokenizer,
    melody: ScoreTick,
    options: Accompaniment | None = None,
    *,
    num: int = 1,
    prompt: ScoreTick | None = None,
    sampling: SamplingOptions | None = None,
    seed: int = 0,
    defaults: TrainingDefaults | None = None,
) -> list[Result]:
    """Write accompaniments to a melody by a model that was trained with missing tracks; see `accompany`.

    Raises:
        ConfigError: the model has no tracks, no chord planner, or no such part.
        TokenError: the melody cannot be encoded.
        MusegenError: an accompaniment did not end.
    """
    options, defaults = options or Accompaniment(), defaults or TrainingDefaults()
    if not tokenizer.config.programs:
        raise ConfigError(
            "this model was trained with missing bars, not with missing tracks: use musegen fill"
        )
    if options.chords or options.plan_temperature:
        raise ConfigError("⟨chords⟩ and ⟨plan-temperature⟩ need a model with a chord planner: leave them out")
    frame = max(melody, prompt or melody, key=last_end)
    bars = len(bar_ticks(frame)) - 1
    kept = kept_bars(prompt, options.prompt_bars, bars)
    gapped = _gapped(melody, frame, kept, tokenizer, options, defaults)
    filled = fill_holes(
        machine,
        tokenizer,
        gapped,
        num=num,
        rank=num,
        sampling=sampling,
        seed=seed,
        defaults=defaults,
        constraints=accompaniment_constraints(options, defaults, tokenizer, [], []),
    )
    results = []
    for each in filled:
        notes = each.notes.copy()
        notes.tracks = [track for track in notes.tracks if len(track.notes)]
        result = Result(notes, each.log_likelihood, bars, each.ids, each.precision_gap)
        results.append(dressed_for(melody, [], with_parts_only(result, options, frame)))
    return results


def _gapped(
    melody: ScoreTick,
    frame: ScoreTick,
    kept: ScoreTick | None,
    tokenizer: WholeTokenizer,
    options: Accompaniment,
    defaults: TrainingDefaults,
) -> Gapped:
    """The melody, and the tracks that are missing after what is kept of a prompt.

    Raises:
        ConfigError: there are none.
    """
    line, bars = skyline(melody), len(bar_ticks(frame)) - 1
    own = _number_of(line, tokenizer, defaults)
    rosters = rosters_of(options.parts, defaults.rosters or [range(len(tokenizer.parts))], tokenizer)
    others = [number for number in _with(own, rosters) if number != own]
    if not others:
        raise ConfigError("the model has no track beside the melody: choose parts with ⟨accompaniment⟩")
    score = frame.copy()
    new = (_track_of(number, kept, tokenizer) for number in others)
    score.tracks = [_named(line.tracks[0], own, tokenizer), *new]
    return Gapped(score, [Gap(options.prompt_bars + 1, bars)], range(1, len(score.tracks)), read=[0])


def _number_of(line: ScoreTick, tokenizer: WholeTokenizer, defaults: TrainingDefaults) -> int:
    """The track that a melody is for a model: by its name or program, else the highest one of a grid."""
    [track] = line.tracks
    names = [part.name.casefold() for part in tokenizer.parts]
    if track.name.strip().casefold() in names:
        return names.index(track.name.strip().casefold())
    if defaults.ranges:
        return int(np.argmax([low + high for low, high in defaults.ranges]))
    try:
        return tokenizer.stream_programs([track])[0]
    except TokenError:
        melodic = [
            number for number, pitches in (defaults.pitches or {}).items() if number != DRUMS and pitches
        ]
        return max(melodic, key=lambda number: float(np.mean(list((defaults.pitches or {})[number]))))


def _with(own: int, rosters: Sequence[Sequence[int]]) -> Sequence[int]:
    """The most frequent roster with the melody's own track, else the most frequent of all."""
    counted = [tuple(sorted(roster)) for roster in rosters]
    having = [roster for roster in counted if own in roster and len(roster) > 1] or counted
    return max(having, key=having.count)


def _track_of(number: int, kept: ScoreTick | None, tokenizer: WholeTokenizer) -> Track:
    """A track of an accompaniment, with what is kept of it."""
    track = _named(Track("", 0, is_drum=False, ttype="Tick"), number, tokenizer)
    for other in kept.tracks if kept else ():
        if tokenizer.stream_programs([other]) == [number]:
            track.notes = other.notes
    return track


def _named(track: Track, number: int, tokenizer: WholeTokenizer) -> Track:
    """A track as the track of a model with this number."""
    named = track.copy()
    if tokenizer.parts:
        named.name, named.program = tokenizer.parts[number]
        named.is_drum = False
    else:
        named.is_drum = number == DRUMS
        named.program = 0 if named.is_drum else number
    return named
