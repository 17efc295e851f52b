"""Chord symbols of accompaniments: those of their track of chords, or those that were requested."""

from dataclasses import replace

from musegen.config.settings import DataConfig
from musegen.generation.accompany import Accompaniment
from musegen.generation.request import Result
from musegen.music.chord_symbols import put_symbols
from musegen.music.chord_track import NAME, chord_track, find_chord_track, symbols_of_track
from musegen.music.metre import bar_ticks


def with_chords(config: DataConfig, result: Result, wanted: Accompaniment) -> Result:
    """The accompaniment with its chord symbols: of its track of chords, or those typed.

    A track of chords has the fixed voicing of the symbols that it is read as; see `chord_track`.
    """
    score = result.score.copy()
    number = find_chord_track(score) if config.chords else None
    if config.chords and number is None and config.accompaniment == (NAME,) and len(score.tracks) == 1:
        number = 0
    if number is None:
        put_symbols(score, wanted.symbols)
        return replace(result, score=score)
    bars = bar_ticks(score)
    symbols = symbols_of_track(score.tracks[number], bars)
    put_symbols(score, symbols)
    if not wanted.prompt_bars:  # the chords of a prompt are the user's
        tracks = list(score.tracks)
        voiced = chord_track(symbols, bars)
        voiced.program = tracks[number].program
        tracks[number] = voiced
        score.tracks = tracks
    return replace(result, score=score)
