"""Recordings without beats as events: REMI tokens whose positions are times in steps of 10 ms.

Scores are in the form of `music.free_time`, in which a bar is a segment of 0.96 s. Lengths are exact to 10 ms
up to such a segment, then to 20 ms, and a press of the sustain pedal is a note of its own pitch token. Unlike
the time shifts of Performance RNN (Simon and Oore 2017) or of MidiTok's MIDI-Like and TSD, the time of an
event stands in its id and need not be summed up, and no note can be left without an end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from musegen.config.settings import TokenizerConfig
from musegen.errors import TokenError
from musegen.music.free_time import BPM
from musegen.tokenizers.parts import Metre, Part
from musegen.tokenizers.remi import RemiTokenizer

METRE: Metre = (4, 4)


class FreeTokenizer(RemiTokenizer):
    """Scores in the form of `music.free_time` to ids and back."""

    kind = "free"
    default_tempo = BPM

    @classmethod
    def build(
        cls,
        config: TokenizerConfig,
        *,
        time_signatures: Iterable[Metre],
        programs: Sequence[int],
        parts: Sequence[Part] = (),
    ) -> "FreeTokenizer":
        """Fit a tokenizer to a dataset of recordings; see `RemiTokenizer.build`.

        Raises:
            TokenError: the dataset is not in free time.
        """
        if other := set(time_signatures) - {METRE}:
            raise TokenError(f"the dataset has bars of {min(other)}, and free time has none")
        wanted = len(programs) > 1 or -1 in programs if config.programs is None else config.programs
        assert not parts, "tracks of one program are one"
        config = replace(config, kind="free", programs=wanted, velocity=True, shift=False, lengths=False)
        return cls(config, [METRE])
