"""The position in a grid stream, and the recent ids of each voice.

On a grid the place is the number of voices' ids since the bar line: position and voice follow from it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from musegen.models.position.features import Position, Recent, StepFeatures, Tracker, semitones
from musegen.models.position.scans import count_since, delayed, hold
from musegen.tokenizers.tables import Kind, Tables


class GridTracker(Tracker):
    """Follows voices on a grid, the voice of the next id first.

    Recent ids: the last id of each voice, then its last pitch. Intervals: between the last two pitches of the
    next voice; from its last pitch to each other voice, and to that voice before this position.
    """

    order_of_voices: Tensor
    knows_motion = True

    def __init__(self, tables: Tables, lookback: Sequence[int]) -> None:
        voices, positions = tables.voices, int(tables.bar_positions.max())
        sizes = {"places": positions * voices + 1, "recent": 2 * voices, "intervals": 2 * voices - 1}
        super().__init__(tables, lookback, **sizes)
        self.voices, self.num_references, self.num_held = voices, voices, 3 * voices
        self.order[self.kind >= Kind.PITCH.value] = 0  # each id has its own place
        self.buffer("order_of_voices", torch.arange(voices))

    def sounding(self, step: StepFeatures) -> tuple[Tensor, Tensor]:
        """(B, T) position at which each id begins, and the pitch of the first voice, -1 where it rests."""
        first = (-step.place % self.voices)[..., None]  # the first voice's index in the order of turns
        last = step.inputs[..., self.layout.id :].gather(2, first).squeeze(2)
        pitch = step.reference_pitches.gather(2, first).squeeze(2)
        begins = (step.place - 1).clamp(min=0) // self.voices
        return begins, torch.where(self.kind[last] == Kind.REST.value, -1, pitch)

    @property
    def num_given(self) -> int:
        """One for each voice."""
        return self.voices

    def given(self, ids: Tensor, step: StepFeatures) -> Tensor:
        """What sounds in each voice, (B, T, voices), -1 where it rests or is missing."""
        del ids
        at = (
            self.order_of_voices - step.place[..., None]
        ) % self.voices  # each voice's place among the turns
        last = step.inputs[..., self.layout.id :].gather(2, at)
        sounds = (self.kind[last] == Kind.PITCH.value) | (self.kind[last] == Kind.HOLD.value)
        return torch.where(sounds, step.reference_pitches.gather(2, at), -1)

    def in_turn(self, pitches: Tensor, step: StepFeatures) -> Tensor:
        """The pitches of the voices, (B, T, voices), the voice of the next id first."""
        return pitches.gather(2, (step.place[..., None] + self.order_of_voices) % self.voices)

    def _locate(self, ids: Tensor, bar: Tensor, _metre: Tensor, before: Tensor) -> Position:
        kind = self.kind[ids]
        place = count_since(kind >= Kind.PITCH.value, kind == Kind.BAR.value, before[:, 1])
        place = place.clamp(max=self.num_places - 1)
        return Position(bar, place, place, self.order[ids], place // self.voices)

    def _recall(self, ids: Tensor, kind: Tensor, position: Position, held: Tensor) -> Recent:
        turn = (position.place % self.voices)[..., None]  # (B, T, 1) voice of the next id
        turns = (turn + self.order_of_voices) % self.voices  # (B, T, voices)
        last, struck, earlier = self._voices(ids, kind, position.place, held)
        struck_in_turn = struck.gather(2, turns)
        sounding = self.pitch[struck_in_turn]
        own, others = sounding[..., :1], sounding[..., 1:]
        own_before = self.pitch[earlier.gather(2, turn)]
        # The others' pitches before they moved at this position, for parallel and contrary motion.
        has_moved = (self.kind[last] == Kind.PITCH.value) & (self.order_of_voices < turn)
        stood = self.pitch[torch.where(has_moved, earlier, struck).gather(2, turns)][..., 1:]
        motion = torch.where((others >= 0) & (stood >= 0), others - stood, 0)
        intervals = [semitones(own_before, own), semitones(own, others), semitones(own, stood)]
        recent = torch.cat([last.gather(2, turns), struck_in_turn], dim=2)
        return Recent(torch.cat([last, struck, earlier], dim=2), recent, sounding, motion, intervals, [])

    def _voices(self, ids: Tensor, kind: Tensor, place: Tensor, held: Tensor) -> tuple[Tensor, ...]:
        """For each voice its last id, its last pitch (kept during rests), and the pitch before that."""
        last, struck, earlier = held.view(-1, 3, self.voices).unbind(1)
        is_own = (place[..., None] - 1) % self.voices == self.order_of_voices  # (B, T, voices)
        is_own = is_own & (kind >= Kind.PITCH.value)[..., None]
        is_new = is_own & (kind == Kind.PITCH.value)[..., None]
        each = ids[..., None].expand_as(is_own)
        pitch = hold(each, is_new, struck)
        return hold(each, is_own, last), pitch, hold(delayed(pitch, struck), is_new, earlier)
