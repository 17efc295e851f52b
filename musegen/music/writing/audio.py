"""Renders a Score as WAV by pretty_midi: with fluidsynth if it is installed, else with sine waves."""

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from symusic import Score

from musegen.errors import MidiError
from musegen.files import write_atomic
from musegen.music.writing.midi import midi_bytes

RATE = 44_100
PEAK = 0.95
"""Share of full scale: players that resample need some headroom."""
MAX_SECONDS = 1800
SOUNDFONT_FOLDERS = (
    Path.home() / ".local/share/soundfonts",
    Path("/usr/local/share/soundfonts"),
    Path("/usr/share/soundfonts"),
    Path("/usr/share/sounds/sf2"),
    Path("/usr/share/sounds/sf3"),
    Path("/opt/homebrew/share/soundfonts"),
)


def write_wav(score: Score, path: Path) -> str:
    """Write the Score as WAV, mono, 16 bit, 44.1 kHz; returns a description of the synthesis.

    Raises:
        MidiError: no notes, too long, or only drums without fluidsynth.
        OSError: see `write_atomic`.
    """
    sound, how = synthesize(score)
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * (PEAK * 32767)).round().astype("<i2").tobytes())
    write_atomic(path, data.getvalue())
    return how


def synthesize(score: Score) -> tuple[NDArray[np.float64], str]:
    """The sound of the Score, (samples,) at 44.1 kHz with a peak of 1, and a description of the synthesis.

    Raises:
        MidiError: no notes, too long, or only drums without fluidsynth.
    """
    import pretty_midi

    # from our own bytes, never those of a user: pretty_midi rejects files that other readers accept
    midi = pretty_midi.PrettyMIDI(io.BytesIO(midi_bytes(score)))
    if midi.get_end_time() > MAX_SECONDS:
        minutes = midi.get_end_time() / 60
        raise MidiError(f"too long to play: {minutes:.0f} minutes; at most {MAX_SECONDS // 60} are rendered")
    for soundfont in _soundfonts():
        try:
            sound = _mixed(each.fluidsynth(RATE, synthesizer=str(soundfont)) for each in midi.instruments)
        except ImportError:
            break  # no fluidsynth
        if sound.any():  # it is silent if it cannot read the soundfont
            return sound, f"played by fluidsynth with {soundfont.name}"
    return _sines(midi)


def _sines(midi: Any) -> tuple[NDArray[np.float64], str]:
    """The sound in pretty_midi's own synthesis, which has no drums."""
    drums = sum(len(each.notes) for each in midi.instruments if each.is_drum)
    hint = "for instruments and drums install fluidsynth and pyfluidsynth"
    melodic = [each for each in midi.instruments if not each.is_drum]
    if not melodic:
        raise MidiError(f"nothing but drums, which sine waves cannot play: {hint}")
    silent = f", {drums} notes of drums left out" if drums else ""
    return _mixed(each.synthesize(RATE) for each in melodic), f"played by sine waves{silent}: {hint}"


def _mixed(sounds: Iterator[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The sum, (longest,), with a peak of 1; added one by one, since each may be large."""
    mixed = np.zeros(0)
    for sound in sounds:
        longer, shorter = (sound, mixed) if len(sound) > len(mixed) else (mixed, sound)
        longer[: len(shorter)] += shorter
        mixed = longer
    peak = np.abs(mixed).max(initial=0.0)
    return mixed / peak if peak else mixed


def _soundfonts() -> Iterator[Path]:
    """The soundfonts of this machine, the largest of each folder first, then the small one of pretty_midi."""
    import pretty_midi

    for folder in SOUNDFONT_FOLDERS:
        found = [path for path in folder.glob("*") if path.suffix.lower() in (".sf2", ".sf3")]
        yield from sorted(found, key=lambda path: -path.stat().st_size)
    yield Path(pretty_midi.__file__).parent / "TimGM6mb.sf2"
