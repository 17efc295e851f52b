"""The vocabulary of MidiTok's REMI, built here: the same tokens in the same order, without loading MidiTok.

`miditok_remi` makes MidiTok's own tokenizer of the same settings, the reference that tests compare with.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from musegen.config.settings import TokenizerConfig
from musegen.tokenizers.parts import Metre
from musegen.tokenizers.tables import POSITIONS_PER_BEAT

if TYPE_CHECKING:
    import miditok

SPECIAL = ("PAD", "BOS", "EOS")
BEAT_RESOLUTIONS = {(0, 4): POSITIONS_PER_BEAT, (4, 16): 4, (16, 64): 1}
"""Durations exact to 4 beats; longer notes to a quarter of a beat, and beyond 16 to the beat."""
FREE_RESOLUTIONS = {(0, 4): POSITIONS_PER_BEAT, (4, 64): POSITIONS_PER_BEAT // 2}
"""Durations in free time: exact to 10 ms up to 0.96 s, then to 20 ms, up to 15.36 s."""
VELOCITIES = 32
STEPS, REACH = 96, 16
"""Steps of a shift per quarter note, and the largest shift: half of an eighth triplet."""
TEMPOS, TEMPO_RANGE = 64, (30, 300)
"""Number of tempos and their range in BPM, evenly spaced on a logarithmic scale."""


def remi_vocabulary(config: TokenizerConfig, metres: Sequence[Metre]) -> list[str]:
    """The token of each id.

    Args:
        config: which kinds of token there are; `programs` is set.
        metres: of the vocabulary, in the order of their ids.
    """
    pitches, positions = range(128), range(POSITIONS_PER_BEAT * max(beats for beats, _ in metres))
    is_free = config.kind == "free"
    resolutions = FREE_RESOLUTIONS if is_free else BEAT_RESOLUTIONS
    return [
        *(f"{name}_None" for name in (*SPECIAL, "Bar")),
        *(f"{'Pitch' if pitch or not is_free else 'Pedal'}_{pitch}" for pitch in pitches),
        *(f"Velocity_{velocity}" for velocity in (velocities() if config.velocity else ())),
        *(f"Duration_{duration}" for duration in _durations(resolutions)),
        *(f"Position_{position}" for position in positions),
        *(f"PitchDrum_{pitch}" for pitch in (pitches if config.programs else ())),
        *(f"Tempo_{tempo}" for tempo in (tempos() if config.tempo else ())),
        *(f"Program_{program}" for program in ((*range(128), -1) if config.programs else ())),
        *(f"TimeSig_{beats}/{unit}" for beats, unit in metres),
        *(f"MicroTiming_{shift}" for shift in (shifts() if config.shift else ())),
    ]


def velocities() -> npt.NDArray[np.intc]:
    """The velocities that have tokens, ascending."""
    return np.linspace(0, 127, VELOCITIES + 1, dtype=np.intc)[1:]


def shifts() -> range:
    """The shifts that have tokens, in `STEPS` per quarter note, ascending."""
    return range(-REACH, REACH + 1)


def tempos() -> npt.NDArray[np.float64]:
    """The tempos that have tokens, in BPM, ascending."""
    return np.geomspace(*TEMPO_RANGE, TEMPOS).round(2)


def _durations(resolutions: Mapping[tuple[int, int], int]) -> list[str]:
    """The durations that have tokens: beats, parts of a beat, and parts to the beat."""
    spans = [
        f"{beat}.{part}.{parts}"
        for (first, last), parts in resolutions.items()
        for beat in range(first, last)
        for part in range(parts)
    ]
    [*_, (longest, parts)] = ((last, parts) for (_, last), parts in resolutions.items())
    return [*spans[1:], f"{longest}.0.{parts}"]  # the first has no length


def miditok_remi(config: TokenizerConfig, metres: Sequence[Metre]) -> "miditok.REMI":
    """MidiTok's tokenizer with this vocabulary."""
    import miditok  # loads slowly, and nothing but a comparison with it needs it

    return miditok.REMI(
        miditok.TokenizerConfig(
            pitch_range=(0, 127),
            beat_res=dict(BEAT_RESOLUTIONS),
            special_tokens=list(SPECIAL),
            use_velocities=bool(config.velocity),
            num_velocities=VELOCITIES,
            use_tempos=config.tempo,
            num_tempos=TEMPOS,
            tempo_range=TEMPO_RANGE,
            log_tempos=True,
            use_time_signatures=True,
            time_signature_range={d: [n for n, unit in metres if unit == d] for _, d in metres},
            use_programs=bool(config.programs),
            one_token_stream_for_programs=True,
            use_pitchdrum_tokens=bool(config.programs),
            drums_pitch_range=(0, 127),
            remove_duplicated_notes=True,
            use_sustain_pedals=False,
            use_pitch_bends=False,
        )
    )
