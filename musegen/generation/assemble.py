"""From finished streams to scores: ends trimmed, tempo and instruments set, the prompt prepended."""

from dataclasses import replace

import numpy as np
from symusic import Note, Tempo, TimeSignature, Track
from symusic.core import ScoreTick, TrackTick

from musegen.generation.engine import Stream
from musegen.generation.request import Prompt, Request, Result, TrainingDefaults
from musegen.music.chord_symbols import chord_symbols, put_symbols
from musegen.music.metre import Change, bar_ticks, metre_changes, metres_at
from musegen.tokenizers import FreeTokenizer, Kind, Tokenizer
from musegen.tokenizers.holes import with_notes


def to_result(stream: Stream, tokenizer: Tokenizer, bars: int, ticks_per_quarter: int = 480) -> Result:
    """A stream of `bars` bars with its score."""
    score = tokenizer.decode(stream.ids, ticks_per_quarter=ticks_per_quarter)
    _trim(score, bars)
    return Result(score, stream.log_likelihood, bars, stream.ids, stream.precision_gap)


def to_piece(
    stream: Stream,
    prompt: Prompt,
    tokenizer: Tokenizer,
    request: Request,
    defaults: TrainingDefaults,
    ticks_per_quarter: int = 480,
) -> Result:
    """A stream as a piece: after the prompt, or else with the requested tempo and program."""
    bars = prompt.bars + request.bars
    if prompt.score is None:
        result = to_result(stream, tokenizer, bars, ticks_per_quarter)
        set_tempo_and_program(result.score, result.ids, tokenizer, request, defaults)
        return result
    new = with_notes(np.array(stream.ids), tokenizer.tables, np.arange(len(stream.ids)) >= len(prompt.ids))
    result = to_result(stream._replace(ids=new.tolist()), tokenizer, bars, prompt.score.ticks_per_quarter)
    score = _append_bars(prompt, result.score, tokenizer, request)
    return replace(result, score=score, ids=stream.ids)


def _trim(score: ScoreTick, bars: int) -> None:
    """Cut at the last bar line whatever rounding to the score's ticks has moved beyond it."""
    lines = bar_ticks(score)
    if len(lines) - 1 <= bars:
        return
    end = int(lines[bars])
    for track in score.tracks:
        columns = track.notes.numpy()
        onsets = np.minimum(columns["time"], end - 1)
        columns |= {"time": onsets, "duration": np.minimum(columns["duration"], end - onsets)}
        track.notes = Note.from_numpy(**columns)


def set_tempo_and_program(
    score: ScoreTick, ids: list[int], tokenizer: Tokenizer, request: Request, defaults: TrainingDefaults
) -> None:
    """Set the tempo and program of a decoded score where the stream has none."""
    has_tempo = bool((tokenizer.tables.kind[ids] == Kind.TEMPO).any())  # then it begins with one
    if request.tempo is not None or not has_tempo:
        score.tempos = [Tempo(0, qpm=request.tempo or defaults.tempo)]
    if not tokenizer.config.programs:
        wanted = defaults.program if request.program is None else request.program
        for track in score.tracks:
            track.is_drum, track.program, track.name = wanted < 0, max(wanted, 0), ""


def copy_tempo_key_program(score: ScoreTick, source: ScoreTick, tokenizer: Tokenizer) -> None:
    """Copy tempo and key of a source clip, and its instrument if the stream has no programs."""
    score.tempos = list(source.tempos) or [Tempo(0, qpm=120.0)]
    score.key_signatures = list(source.key_signatures)
    if not tokenizer.config.programs:
        for track in score.tracks:
            track.name, track.program = source.tracks[0].name, source.tracks[0].program


def _append_bars(start: Prompt, whole: ScoreTick, tokenizer: Tokenizer, request: Request) -> ScoreTick:
    """The prompt unchanged, followed by the new bars of the decoded stream."""
    assert start.score is not None
    prompt, result = start.score, start.score.copy()
    is_free = isinstance(tokenizer, FreeTokenizer)  # it goes on within a bar
    seam, line = (0 if is_free else int(bar_ticks(each)[start.bars]) for each in (prompt, whole))
    targets = _target_tracks(result, start.line, tokenizer, request)
    for track in whole.tracks:
        columns = track.notes.numpy()
        onsets = np.maximum(columns["time"], line) if tokenizer.config.shift else columns["time"]
        new = (onsets >= line) | (not tokenizer.tables.voices)  # of events there are no others
        if not new.any():
            continue
        fields = {name: np.asarray(values)[new] for name, values in columns.items()}
        fields["time"] = onsets[new] + (seam - line)
        number = tokenizer.stream_programs([track])[0] if tokenizer.config.programs else 0
        if number not in targets:
            program = track.program if tokenizer.config.programs else max(request.program or 0, 0)
            is_drum = track.is_drum or request.program == -1
            result.tracks.append(Track("Continuation", program, is_drum, ttype="Tick"))
            targets[number] = result.tracks[-1]
        targets[number].notes.extend(Note.from_numpy(**fields))
    (before,), (after,) = metres_at(prompt, np.array([max(0, seam - 1)])), metres_at(whole, np.array([line]))
    later = [change for change in metre_changes(whole) if change.time > line]
    if after != before:
        later.insert(0, Change(line, *after))
    result.time_signatures.extend([TimeSignature(c.time + seam - line, c.beats, c.unit) for c in later])
    if request.tempo is not None:
        result.tempos.append(Tempo(seam, qpm=request.tempo))
    elif not len(result.tempos):
        result.tempos = [Tempo(0, qpm=120.0)]
    return result


def _target_tracks(
    score: ScoreTick, line: int | None, tokenizer: Tokenizer, request: Request
) -> dict[int, TrackTick]:
    """The prompt's tracks that take new notes, by their number in the stream; 0 without programs."""
    tracks = [track for track in score.tracks if len(track.notes)] if line is None else [score.tracks[line]]
    if tokenizer.config.programs:
        numbers = tokenizer.stream_programs(tracks)
        return dict(zip(reversed(numbers), reversed(tracks), strict=True))  # of two equal numbers, the first
    melodic = [track for track in tracks if not track.is_drum]
    single = len(melodic) == 1 and request.program in (None, melodic[0].program)
    return {0: melodic[0]} if single else {}


def join(tune: ScoreTick, result: Result, pad: int, *, keeps_tune: bool = True) -> Result:
    """The user's tune, tempo and metre included, with an accompaniment that was made for its tidy copy.

    Args:
        tune: on its only track.
        result: the accompaniment alone, in the same ticks per quarter note.
        pad: ticks by which the accompaniment begins before tick 0 of the tune.
        keeps_tune: False for a rhythm that was tapped, in place of which the accompaniment comes.
    """
    score = tune.copy()
    if keeps_tune:
        score.tracks[0].name = score.tracks[0].name or "Melody"
    else:
        score.tracks = []
    if not len(score.time_signatures):  # a file may have no time signature; its tidy copy has one
        score.time_signatures = list(result.score.time_signatures)
    if not len(score.tempos):
        score.tempos = list(result.score.tempos)
    for track in result.score.copy().tracks:
        columns = track.notes.numpy()
        onsets = columns["time"].astype(np.int64) - pad
        ends = onsets + columns["duration"]
        is_audible = ends > 0  # what ends before the pickup begins is dropped
        onsets, ends = np.maximum(onsets, 0)[is_audible], ends[is_audible]
        fields = {name: values[is_audible] for name, values in columns.items()}
        fields |= {"time": onsets.astype(np.int32), "duration": (ends - onsets).astype(np.int32)}
        track.notes = Note.from_numpy(**fields)
        if len(track.notes):
            score.tracks.append(track)
    if symbols := chord_symbols(result.score):
        put_symbols(score, [(max(0, time - pad), symbol) for time, symbol in symbols])
    return replace(result, score=score, user_tracks=(0,) if keeps_tune else ())
