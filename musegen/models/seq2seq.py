"""The accompaniment model: an encoder of the melody, and a decoder aligned with it in time.

The same model fills: then the source is a piece with holes, and the target the tracks with missing cells, of
which those given are only read (see `tokenizers/holes.py`).

Source and target have the same bars. So the ids alone determine which id of the source sounds at each step of
the decoder: the encoder state there is an input, and soft attention (Luong 2015, arXiv:1508.04025) covers the
bars around. There is no input feeding: the backbone runs over the whole target at once.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.chord_planner import SAMPLES_PER_HALF, EncodedMelody, Planner, PlanReader
from musegen.models.decoder import DecoderState, StreamDecoder
from musegen.models.encoder import BAR_KEY, END_KEY, Encoder, Memory
from musegen.models.losses import token_nats
from musegen.models.position.features import StepFeatures, rotated_classes, semitones
from musegen.models.protocol import Function
from musegen.tokenizers.chord_plan import HALVES

Alignment = Literal["none", "bars", "now"]


class Seq2SeqState(NamedTuple):
    """The state between two steps."""

    memory: Memory
    decoder: DecoderState


class Seq2Seq(nn.Module):
    """Predicts an accompaniment, (B, T), to a melody, (B, S).

    A whole sequence equals single steps: however T is divided into chunks, the logits are the same.

    With a planner, an accompaniment follows a plan of chords and note counts, half a bar at a time (see
    `models/chord_planner.py`); its likelihood is then that of its plan times that of its ids given the plan.

    Args:
        encoder: reads the melody; its positions are those of the decoder.
        decoder: of the same width; with one more reference pitch if `alignment` is "now".
        alignment: "now": the encoder state at the same time is an input, and attention covers the bars
            around; "bars": attention over the bars around alone; "none": over the whole melody.
        reach: bars before and after this one that attention covers.
        ahead: numbers of bars after which the source at the same position is another input; with "now".
        planner: predicts the plan; None: there is none.
        reader: makes inputs of the decoder from the plan; None: there is none.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        decoder: StreamDecoder,
        planner: Planner | None = None,
        reader: PlanReader | None = None,
        alignment: Alignment = "now",
        reach: int = 2,
        ahead: Sequence[int] = (),
    ) -> None:
        super().__init__()
        hidden_size, width = decoder.hidden_size, decoder.embedding.embedding_dim // 2
        self.alignment, self.reach, self.ahead = alignment, reach, tuple(ahead)
        self.encoder, self.decoder = encoder, decoder
        self.planner, self.reader = planner, reader
        given = encoder.tracker.num_given if encoder.has_holes else 1  # pitches of the source at a time
        inputs = hidden_size * (1 + len(self.ahead)) + (3 * given + 1 + len(self.ahead)) * width + 12 + 12
        self.now = nn.Linear(inputs, hidden_size) if alignment == "now" else None
        # Scale degrees, the same in all keys: of the melody, of this voice, and logits of the next.
        self.degree = nn.Embedding(13, width)
        self.heard_degree = nn.Embedding(13 * given, hidden_size)
        self.next_degree = nn.Linear(hidden_size, 12)
        nn.init.normal_(self.heard_degree.weight, std=0.05)
        self.query = nn.Linear(hidden_size, hidden_size, bias=False)
        self.mix = nn.Linear(2 * hidden_size, hidden_size)
        self.near = nn.Parameter(torch.zeros(2 * reach + 1))

    def init_state(self, source_ids: Tensor, plan: Tensor | None = None) -> Seq2SeqState:
        """The state after the melody and before the first id.

        Args:
            source_ids: (B, S), padded at the end with 0; it begins on the bar on which the target begins.
            plan: (B, K, 2) of the accompaniment (see `tokenizers/chord_plan.py`); None: no plan, for models
                without a planner.
        """
        memory = self.encode(source_ids)
        return self.start(*(memory if plan is None else memory._replace(plan=plan)))

    def encode(self, source_ids: Tensor) -> Memory:
        """The encoded melodies, (B, S), without a plan."""
        memory: Memory = self.encoder(source_ids)
        degrees = degrees_of(memory.pitches(), memory.tonic)  # (B, S, A)
        rows = degrees + 13 * torch.arange(degrees.shape[2], device=degrees.device)
        states = memory.states + self.heard_degree(rows).sum(dim=2)
        return memory._replace(states=states)

    def start(self, *memory: Tensor) -> Seq2SeqState:
        """The state before the first id, after a `Memory`."""
        return Seq2SeqState(Memory(*memory), self.decoder.init_state(memory[0].shape[0]))

    def functions(self) -> dict[str, Function]:
        """What sampling calls besides `forward`.

        "encode" and "start" as above; "nats" of the ids of streams, (B, T), after a `Memory`; with a planner
        also "plan_chords", from parts of a `Memory` to the states of an `EncodedMelody` and the logits of its
        chords, and "plan_notes", from these states and chords relative to the tonic to the logits of the
        note counts.
        """
        ids = torch.arange(1, 22).view(3, 7)
        memory = self.encode(ids)
        bars = torch.full((3, 5), 96)
        if self.planner is None:
            start, nats = Function(self.start, tuple(memory)), Function(self._nats, (ids, *memory))
            return {"encode": Function(self.encode, (ids,)), "start": start, "nats": nats}
        plan = torch.ones(3, 10, 2, dtype=torch.int64)
        planned = memory._replace(plan=plan)
        melody = memory.keys, memory.pitch, memory.tonic, bars
        states = self._plan_chords(*melody)[0]
        return {
            "encode": Function(self.encode, (ids,)),
            "start": Function(self.start, tuple(planned)),
            "nats": Function(self._nats, (ids, *planned)),
            "plan_chords": Function(self._plan_chords, melody),
            "plan_notes": Function(self._plan_notes, (states, plan[..., 0])),
        }

    def _nats(self, ids: Tensor, *memory: Tensor) -> Tensor:
        return token_nats(self(ids[:, :-1], self.start(*memory))[0], ids[:, 1:])

    def _plan_chords(self, keys: Tensor, pitch: Tensor, tonic: Tensor, bars: Tensor) -> tuple[Tensor, Tensor]:
        assert self.planner is not None
        none = tonic.new_zeros(0)
        melody = self.encode_for_planner(Memory(none, keys, pitch, none, tonic, bars, none))
        return melody.states, self.planner.chord_unary(melody)

    def _plan_notes(self, states: Tensor, chord: Tensor) -> Tensor:
        assert self.planner is not None
        none = chord.new_zeros(0)
        return self.planner.notes_unary(EncodedMelody(states, none, none), chord)

    def encode_for_planner(self, memory: Memory) -> EncodedMelody:
        """The melody, encoded by the planner from `SAMPLES_PER_HALF` points per half bar."""
        assert self.planner is not None
        lengths = memory.bar_positions  # (B, bars)
        points = torch.arange(HALVES * SAMPLES_PER_HALF, device=lengths.device)
        bars = torch.arange(1, lengths.shape[1] + 1, device=lengths.device)
        when = (bars * BAR_KEY)[:, None] + lengths[..., None] * points // (HALVES * SAMPLES_PER_HALF)
        at = memory.sounding_at(when.flatten(1))  # (B, bars * HALVES * SAMPLES_PER_HALF)
        degrees = degrees_of(memory.pitch.gather(1, at), memory.tonic)
        struck = nn.functional.pad(at[:, 1:] != at[:, :-1], (1, 0), value=True)
        spans = (lengths > 0).sum(dim=1) * HALVES
        shape = (at.shape[0], -1, SAMPLES_PER_HALF)
        encoded: EncodedMelody = self.planner(degrees.view(shape), struck.view(shape), memory.tonic, spans)
        return encoded

    def plan_nats(self, state: Seq2SeqState) -> Tensor:
        """Negative log-likelihood of each row's plan, (B,), in nats; 0 without a planner."""
        plan = state.memory.plan
        if self.planner is None:
            return torch.zeros(len(plan), device=plan.device)
        return self._nats_of_plan(state.memory, plan)

    def planning_nats(self, source_ids: Tensor, plan: Tensor) -> Tensor:
        """Negative log-likelihood of each row's plan, (B,), in nats, without the encoder.

        Args:
            source_ids: (B, S), padded at the end with 0.
            plan: (B, K, 2), padded with `UNKNOWN`.
        """
        assert self.planner is not None
        return self._nats_of_plan(self.encoder.read_without_layers(source_ids), plan)

    def _nats_of_plan(self, memory: Memory, plan: Tensor) -> Tensor:
        assert self.planner is not None
        bars = memory.bar_positions[:, : plan.shape[1] // HALVES]
        return self.planner.nats(self.encode_for_planner(memory._replace(bar_positions=bars)), plan)

    def forward(self, ids: Tensor, state: Seq2SeqState) -> tuple[Tensor, Seq2SeqState]:
        """Process T ids of the target.

        Args:
            ids: (B, T).
            state: after the previous ids.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        memory = state.memory
        step, place = self.decoder.tracker(ids, state.decoder.place)
        context, pitch, motion = (None, None, None) if self.now is None else self._melody_now(step, memory)
        span = None
        if self.reader is not None and memory.plan.shape[1]:
            span = self.reader.span(step.bar, step.next_position, step.metre)
            planned = self.reader.inputs(memory.plan, memory.tonic, span, step.bar_classes.sum(dim=2))
            context = planned if context is None else context + planned
        output, rnn = self.decoder.run(step, state.decoder.rnn, context)
        output = output + torch.tanh(self.mix(torch.cat([output, self._attend(output, step, memory)], dim=2)))
        more = self._in_key(output, memory.tonic)
        if self.reader is not None and span is not None:
            more = more + self.reader.pitch_logits(output, memory.plan, span, self.decoder.pitches)
        logits = self.decoder.score(output, step, pitch, motion, more)
        return logits, Seq2SeqState(memory, DecoderState(rnn, place))

    def _melody_now(self, step: StepFeatures, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """The source's input at each step, (B, T, H), its pitches, and how far each has moved, (B, T, A)."""
        assert self.now is not None
        assert self.decoder.interval is not None
        # What sounds in the source now and just before, (B, T, A) each.
        when = step.bar * BAR_KEY + step.next_position
        at = memory.sounding_at(when)
        pitch, before = (self._given_at(i, step, memory) for i in (at, memory.sounding_at(when - 1)))
        later = [self._later(when + bars * BAR_KEY, step, memory) for bars in self.ahead]
        states = torch.cat([rows_at(memory.states, at), *(states for states, _ in later)], dim=2)
        copies = [copied for _, copied in later]  # (B, T, 1) each

        # Intervals from this voice's last pitch to those, and degrees of all: (B, T, ..., width) each.
        own, source = step.reference_pitches[..., :1], torch.cat([pitch, before, *copies], dim=2)
        motion = self.decoder.interval(semitones(own, source)).flatten(2)
        pitches = torch.cat([pitch, own], dim=2)
        degrees = self.degree(degrees_of(pitches, memory.tonic)).flatten(2)

        # Pitch classes of this bar relative to the tonic, of the source to its pitch: (B, T, 12) each.
        tonic = memory.tonic[:, None, None].expand_as(own)
        bar = rotated_classes(step.bar_classes, tonic).clamp(max=4) / 4
        scale = memory.classes[:, None].expand(-1, pitch.shape[1], -1)
        scale = rotated_classes(scale, tonic if self.encoder.has_holes else pitch.clamp(min=0))
        context = self.now(torch.cat([states, motion, degrees, scale, bar], dim=2))
        moved = (pitch - before) * ((pitch >= 0) & (before >= 0))
        moved = nn.functional.pad(moved, (0, len(copies)))  # what comes later stands still
        return context, torch.cat([pitch, *copies], dim=2), moved

    def _later(self, when: Tensor, step: StepFeatures, memory: Memory) -> tuple[Tensor, Tensor]:
        """The states of the source at a later time, (B, T, H), and the first pitch there, (B, T, 1)."""
        at = memory.sounding_at(when)
        is_there = rows_at(memory.keys[..., None], at) // BAR_KEY == (when // BAR_KEY)[..., None]
        first = self._given_at(at, step, memory)[..., :1]
        return rows_at(memory.states, at), torch.where(is_there, first, -1)

    def _given_at(self, at: Tensor, step: StepFeatures, memory: Memory) -> Tensor:
        """The pitches of the source at ids by number, (B, T): (B, T, A)."""
        pitches = rows_at(memory.pitches(), at)
        return self.decoder.tracker.in_turn(pitches, step) if self.encoder.has_holes else pitches

    def _in_key(self, output: Tensor, tonic: Tensor) -> Tensor:
        """Logits of each pitch by its scale degree, in any key, (B, T, P)."""
        degrees = (self.decoder.pitches - tonic[:, None]) % 12  # (B, P)
        logits: Tensor = self.next_degree(output)
        return logits.gather(2, degrees[:, None].expand(-1, output.shape[1], -1))

    def _attend(self, output: Tensor, step: StepFeatures, memory: Memory) -> Tensor:
        """Attention of each step over the melody, (B, T, H)."""
        scores = self.query(output) @ memory.states.transpose(1, 2)  # (B, T, S)
        scores = scores.float() / memory.states.shape[2] ** 0.5
        apart = (memory.keys // BAR_KEY)[:, None] - step.bar[..., None]  # (B, T, S) bars
        mask = (memory.keys < END_KEY)[:, None].expand_as(apart)
        if self.alignment != "none":
            near = apart.abs() <= self.reach
            mask = mask & (near | ~near.any(dim=2, keepdim=True))
            scores = scores + self.near[(apart.clamp(-self.reach, self.reach) + self.reach)]
        weights = scores.masked_fill(~mask, -torch.inf).softmax(dim=2)
        attended: Tensor = weights.to(memory.states.dtype) @ memory.states
        return attended


def rows_at(values: Tensor, at: Tensor) -> Tensor:
    """Rows of values (B, S, A) by number, (B, T): (B, T, A)."""
    return values.gather(1, at[..., None].expand(-1, -1, values.shape[2]))


def degrees_of(pitch: Tensor, tonic: Tensor) -> Tensor:
    """Semitones modulo octaves of each pitch, (B, ...), above the tonic (B,), + 1; 0 for none."""
    tonic = tonic.view(-1, *[1] * (pitch.dim() - 1))
    return torch.where(pitch >= 0, (pitch - tonic) % 12 + 1, 0)
