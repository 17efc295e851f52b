"""The notes of a stream of events, with their times, and as a piano roll."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.position.scans import hold
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Kind, Tables

FRAME = TICKS_PER_QUARTER // 4
"""Ticks of a frame of a piano roll: a sixteenth."""
MOST_FRAMES = 4096
"""Of a roll: 256 bars of 4/4; what comes after them in a window is cut off."""
PITCHES = 128


class Notes(NamedTuple):
    """What each id of a stream says of a note, (B, T) each; it counts where `is_note`."""

    is_note: Tensor
    is_drum: Tensor
    pitch: Tensor
    onset: Tensor
    """In ticks from the first bar line of the stream."""
    duration: Tensor
    """In ticks."""
    place: Tensor
    """Ticks from the bar line."""


class NoteReader(nn.Module):
    """Finds the notes of streams that begin with a piece or with a bar line; it has no weights.

    Args:
        tables: of events.
    """

    kind: Tensor
    pitch: Tensor
    is_drum: Tensor
    position: Tensor
    duration: Tensor
    bar_ticks: Tensor  # (V,) of metres, else 0
    position_ticks: Tensor  # (V,) of metres, else 0

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        columns = {name: torch.from_numpy(getattr(tables, name)) for name in ("kind", "pitch", "is_drum")}
        columns |= {name: torch.from_numpy(getattr(tables, name)).clamp(min=0) for name in _TIMES}
        columns["bar_ticks"] = columns.pop("bar_positions") * columns["position_ticks"]
        for name, values in columns.items():
            self.register_buffer(name, values.clone(), persistent=False)
        self.has_drums = bool((tables.is_drum == 1).any())
        # Each pitch is followed by its shift and velocity, if the tokens have any, and its duration.
        self.duration_after = len(tables.note_kinds) - 1

    @torch.no_grad()
    def forward(self, ids: Tensor) -> Notes:
        """The notes of streams (B, T), padded at the end with 0."""
        kind, zeros = self.kind[ids], torch.zeros_like(ids[:, 0])
        is_metre = kind == Kind.TIME_SIGNATURE.value
        metre = hold(ids, is_metre, zeros)
        # A bar's metre follows its bar line: until then the sum has the bars before this one.
        bars = torch.where(is_metre, self.bar_ticks[ids], 0).cumsum(1) - self.bar_ticks[metre]
        place = hold(self.position[ids], kind == Kind.POSITION.value, zeros) * self.position_ticks[metre]
        following = nn.functional.pad(ids, (0, self.duration_after))[:, self.duration_after :]
        return Notes(
            is_note=kind == Kind.PITCH.value,
            is_drum=self.is_drum[ids] == 1,
            pitch=self.pitch[ids].clamp(min=0),
            onset=bars + place,
            duration=self.duration[following] * self.position_ticks[metre],
            place=place,
        )


_TIMES = ("position", "duration", "bar_positions", "position_ticks")


class PianoRoll(nn.Module):
    """Streams as piano rolls: sounding notes, onsets, and onsets of drums if there are any.

    Args:
        tables: of events.
        multiple: the number of frames is a multiple of this, so that they can be pooled.
    """

    def __init__(self, tables: Tables, multiple: int) -> None:
        super().__init__()
        self.reader, self.multiple = NoteReader(tables), multiple
        self.channels = 3 if self.reader.has_drums else 2

    @torch.no_grad()
    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Rolls (B, channels, 128, F), and which frames are of the music and not padding, (B, F)."""
        notes = self.reader(ids)
        start = notes.onset // FRAME
        stop = torch.maximum(start + 1, -(-(notes.onset + notes.duration) // FRAME)).clamp(max=MOST_FRAMES)
        is_note = notes.is_note & (start < MOST_FRAMES)
        ends = torch.where(is_note, stop, 1).amax(dim=1)
        frames = -(-int(ends.max()) // self.multiple) * self.multiple
        roll = torch.zeros(len(ids), self.channels, PITCHES, frames + 1, device=ids.device)
        row = torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)
        is_tuned = is_note & ~notes.is_drum
        one = torch.ones((), device=ids.device)
        for chosen, channel, at, value in (
            (is_tuned, 0, start, one),
            (is_tuned, 0, stop, -one),
            (is_tuned, 1, start, one),
            (is_note & notes.is_drum, self.channels - 1, start, one),
        ):
            where = (row[chosen], torch.full_like(row[chosen], channel), notes.pitch[chosen], at[chosen])
            roll.index_put_(where, value, accumulate=True)
        roll[:, 0] = roll[:, 0].cumsum(dim=2)
        is_music = torch.arange(frames, device=ids.device) < ends[:, None]
        return roll[..., :frames].clamp(max=1), is_music
