"""Drums by name: General MIDI's own names, those of other programs, and the sounds of MusicXML."""

import pytest

from musegen.music.reading.instruments import drum_named


@pytest.mark.parametrize(
    ("names", "drum"),
    [
        (["Low Tom"], 45), (["Low-Mid Tom"], 47), (["Hi-Mid Tom"], 48), (["High Floor Tom"], 43),
        (["Hi Bongo"], 60), (["Mute Hi Conga"], 62), (["Open Hi Conga"], 63), (["Low Agogo"], 68),
        (["Long Whistle"], 72), (["Low Wood Block"], 77), (["Mute Cuica"], 78), (["Mute Triangle"], 80),
        (["Acoustic Bass Drum"], 35), (["Electric Snare"], 40), (["Crash Cymbal 2"], 57),
        (["Ride Cymbal 2"], 59), (["Closed Hi-Hat"], 42), (["Bass Drum 1"], 36), (["Open Triangle"], 81),
        (["Crash Cymbal 1", "drum.group.set"], 49), (["Closed Hi-Hat", "drum.group.set"], 42),
        (["Open Hi-Hat", "metal.hi-hat"], 46), (["High Tom", "drum.tom-tom"], 50),
        (["Side Stick", "drum.snare-drum"], 37), (["Percussion 3", "drum.snare-drum"], 38),
        (["Kick"], 36), (["Floor Tom"], 43), (["Hi-hat with foot"], 44), (["Suspended cymbal"], 49),
        (["Drumset", "drum.group.set"], None), (["Drum Set"], None), (["Tenor drum"], 38), (["Piano"], None),
    ],
)  # fmt: skip
def test_drums_by_name(names: list[str], drum: int | None) -> None:
    assert drum_named(*names) == drum
