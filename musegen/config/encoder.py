"""Settings of the encoder of an accompaniment model; standard library only."""

from dataclasses import dataclass
from typing import Literal

from musegen.config.ranges import ONE_UP, Checked, setting


@dataclass(frozen=True)
class EncoderConfig(Checked, prefix="encoder."):
    """How an accompaniment model (seq2seq) encodes its source."""

    alignment: Literal["now", "bars", "none"] = "now"
    """now: the decoder sees the encoded melody at the current position, and attends to the bars around it;
    bars: it attends to the bars around; none: it attends to the whole melody."""
    num_layers: int = setting(1, ONE_UP)
    """Number of bidirectional recurrent layers of the encoder."""
    reach: int = setting(2, (lambda value: 0 <= value <= 16, "from 0 to 16 bars"))
    """Number of bars before and after the current one that attention covers."""
    plan: bool | None = None
    """First plan chords and note density for each half bar, then generate the notes. Default: on for event
    tokens (remi)."""
