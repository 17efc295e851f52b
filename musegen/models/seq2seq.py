"""The accompanist: an encoder over the melody, and a decoder that knows what the melody does now.

Source and target have the same bars. So each step of the decoder knows, from the ids alone, which id of
the source sounds at its time: that state of the encoder enters as an input, and soft attention (Luong
2015, arXiv:1508.04025) over the bars around adds what else it wants to know. There is no input feeding:
the recurrent layers run over the whole target at once.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.decoder import DecoderState, StreamDecoder
from musegen.models.grid_place import GridTracker
from musegen.models.lookups import look_up, tabled
from musegen.models.place import PHRASE_BARS, WIDEST, Place, PlaceTracker, semitones, turned_classes
from musegen.models.plan import POINTS, Heard, Planner, PlanReader
from musegen.models.rnn import LockedDropout, StackedRNN, both_ways
from musegen.tokenizers.chord_plan import HALVES

_CLOCK = 1 << 14
"""More positions than any bar has: a key is bar * _CLOCK + position."""
_AFTER = 1 << 40
"""The key of padding, after every bar."""

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each pitch class fits a key, its tonic first (Krumhansl and Kessler 1982)."""

Alignment = Literal["none", "bars", "now"]


class Memory(NamedTuple):
    """The melody as the encoder has read it, S ids."""

    states: Tensor
    """(B, S, H); of a melody only listened to, (B, S, 0)."""
    keys: Tensor
    """(B, S) when each id begins, ascending; `_AFTER` at padding."""
    pitch: Tensor
    """(B, S) the melody's pitch at each id, -1 before the first and in rests that the ids tell."""
    classes: Tensor
    """(B, 12) share of each pitch class in the melody's notes, C first."""
    home: Tensor
    """(B,) pitch class of the tonic of the melody's key, of its relative major where that is minor."""
    bar_positions: Tensor
    """(B, bars) length of each bar; 0 beyond the end."""
    plan: Tensor
    """(B, K, 2) what the accompaniment is to be like (see `tokenizers/plan.py`); K = 0 without a planner."""


class Seq2SeqState(NamedTuple):
    """Everything the next step needs."""

    memory: Memory
    decoder: DecoderState


class Encoder(nn.Module):
    """Reads the melody forwards and backwards.

    Args:
        tracker: follows the source through its bars; without look-back.
        bar_positions: (M + 1,) positions of a bar of each metre, by its rank from 1 up.
        cell: "lstm", "gru" or "rnn".
        embedding_dim: width of the token embedding.
        hidden_size: H of the states returned, half of it for each direction.
        num_layers: recurrent layers a direction.
        dropout: in the inputs and between the layers.
        weight_dropout: of the recurrent weights.
        is_residual: what an id says itself is added to what the layers know of it.
    """

    def __init__(
        self,
        *,
        tracker: PlaceTracker | GridTracker,
        bar_positions: Tensor,
        cell: str,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
        weight_dropout: float = 0.0,
        is_residual: bool = False,
    ) -> None:
        super().__init__()
        self._bar_positions: Tensor
        self.register_buffer("_bar_positions", bar_positions, persistent=False)
        self.tracker, self.hidden_size, self.is_residual = tracker, hidden_size, is_residual
        self.embedding = nn.Embedding(tracker.vocab_size, embedding_dim, padding_idx=0)
        self.interval = nn.Embedding(2 * WIDEST + 2, embedding_dim // 2)
        self.place = nn.Embedding(tracker.num_places, hidden_size)
        self.metre = nn.Embedding(tracker.num_metres, hidden_size)
        self.phrase = nn.Embedding(PHRASE_BARS, hidden_size)
        told = embedding_dim * (1 + tracker.num_recent) + embedding_dim // 2 * tracker.num_intervals + 12
        self.input = nn.Linear(told, hidden_size)
        self.dropout = LockedDropout(dropout)
        half = hidden_size // 2
        self.forwards, self.backwards = (
            StackedRNN(
                cell=cell,
                input_size=hidden_size,
                hidden_size=half,
                num_layers=num_layers,
                dropout=dropout,
                weight_dropout=weight_dropout,
            )
            for _ in range(2)
        )
        for embedding in (self.place, self.metre, self.phrase):
            nn.init.normal_(embedding.weight, std=0.05)

    def forward(self, ids: Tensor) -> Memory:
        """Read a batch of melodies, (B, S), padded at the end with 0."""
        states, place = self.read(ids)
        return self._memory(ids, place)._replace(states=states)

    def listen(self, ids: Tensor) -> Memory:
        """What is known of melodies, (B, S), without the layers: all that a planner asks for."""
        place, _ = self.tracker(ids, self.tracker.init_state(len(ids)))
        return self._memory(ids, place)

    def _memory(self, ids: Tensor, place: Place) -> Memory:
        begins = place.clock if isinstance(self.tracker, PlaceTracker) else (place.place - 1).clamp(min=0)
        keys = torch.where(ids != 0, place.bar * _CLOCK + begins, _AFTER)
        classes = self._classes(ids)
        return Memory(
            states=self.input.weight.new_zeros(*ids.shape, 0),
            keys=keys,
            pitch=self.tracker.sounding(place),
            classes=classes,
            home=_home(classes),
            bar_positions=self._bars(ids, place),
            plan=keys.new_zeros(len(ids), 0, 2),
        )

    def _bars(self, ids: Tensor, place: Place) -> Tensor:
        """`Memory.bar_positions`: every bar line is followed by its metre."""
        lengths = place.bar.new_zeros(len(ids), int(place.bar.max()) + 1)
        is_line = nn.functional.pad(place.bar[:, 1:] > place.bar[:, :-1], (1, 0))
        is_line[:, 0] = place.bar[:, 0] > 0
        behind = nn.functional.pad(is_line[:, :-1], (1, 0))  # the metre's id
        own = torch.where(behind, self._bar_positions[place.metre], 0)
        return lengths.scatter_reduce(1, place.bar, own, "amax")[:, 1:]

    def read(self, ids: Tensor) -> tuple[Tensor, Place]:
        """What is known at each id, (B, S, H), and where it stands."""
        place, _ = self.tracker(ids, self.tracker.init_state(len(ids)))
        inputs = self.dropout(self._inputs(place))
        lengths = (ids != 0).sum(dim=1)
        states = both_ways(self.forwards, self.backwards, inputs, lengths)
        return self.dropout(states + inputs if self.is_residual else states), place

    def _classes(self, ids: Tensor) -> Tensor:
        pitch = self.tracker.pitch[ids]  # (B, S)
        counts = nn.functional.one_hot(pitch.clamp(min=0) % 12, 12) * (pitch >= 0)[..., None]
        total = counts.sum(dim=1)
        return total / total.sum(dim=1, keepdim=True).clamp(min=1)

    def _inputs(self, place: Place) -> Tensor:
        slots = [(self.embedding, 1 + self.tracker.num_recent), (self.interval, self.tracker.num_intervals)]
        tables = tabled(self.input, slots, [self.place, self.metre, self.phrase])
        return look_up(tables, place.told, place.figures)


class Seq2Seq(nn.Module):
    """Writes an accompaniment, (B, T), to a melody, (B, S).

    All at once equals step by step: for any cutting of T into chunks the logits are the same.

    With a planner, an accompaniment follows a plan of chords and of how busy it is, half a bar at a time
    (see `models/plan.py`); its likelihood is then that of its plan and of its ids given that plan.

    Args:
        encoder: reads the melody; its clock is the decoder's.
        decoder: of the same width; with one more anchor where `alignment` is "now".
        alignment: "now": the encoder's state of this moment is an input, and attention covers the bars
            around; "bars": attention over the bars around alone; "none": over the whole melody.
        reach: bars before and after this one that attention covers.
        planner: foretells the plan; None: there is none.
        reader: tells it the decoder; None: there is none.
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
    ) -> None:
        super().__init__()
        hidden_size, width = decoder.hidden_size, decoder.interval.embedding_dim
        self.alignment, self.reach = alignment, reach
        self.encoder, self.decoder = encoder, decoder
        self.planner, self.reader = planner, reader
        told = hidden_size + 12 + 12 + 4 * width
        self.now = nn.Linear(told, hidden_size) if alignment == "now" else None
        # What the key makes of pitches, the same in all keys: the melody's and this voice's, and the next.
        self.degree = nn.Embedding(13, width)
        self.heard_degree = nn.Embedding(13, hidden_size)
        self.next_degree = nn.Linear(hidden_size, 12)
        nn.init.normal_(self.heard_degree.weight, std=0.05)
        self.query = nn.Linear(hidden_size, hidden_size, bias=False)
        self.mix = nn.Linear(2 * hidden_size, hidden_size)
        self.near = nn.Parameter(torch.zeros(2 * reach + 1))

    def init_state(self, source_ids: Tensor, plan: Tensor | None = None) -> Seq2SeqState:
        """The melody read, and nothing written yet.

        Args:
            source_ids: (B, S), padded at the end with 0; it begins on the bar on which the target begins.
            plan: (B, K, 2) of the accompaniment (see `tokenizers/plan.py`); None: of nothing, which a model
                with a planner has not been trained on.
        """
        memory: Memory = self.encoder(source_ids)
        heard = self.heard_degree(_degrees(memory.pitch, memory.home))
        memory = memory._replace(states=memory.states + heard)
        if plan is not None:
            memory = memory._replace(plan=plan)
        return Seq2SeqState(memory, self.decoder.init_state(len(source_ids)))

    def hear(self, memory: Memory) -> Heard:
        """The melody as the planner reads it: what sounds at `POINTS` points of each half bar.

        Raises:
            ValueError: there is no planner.
        """
        if self.planner is None:
            raise ValueError("this model makes no plans")
        lengths = memory.bar_positions  # (B, bars)
        points = torch.arange(HALVES * POINTS, device=lengths.device)
        bars = torch.arange(1, lengths.shape[1] + 1, device=lengths.device)
        when = (bars * _CLOCK)[:, None] + lengths[..., None] * points // (HALVES * POINTS)
        at = _sounding_at(when.flatten(1), memory.keys)  # (B, bars * HALVES * POINTS)
        degrees = _degrees(memory.pitch.gather(1, at), memory.home)
        struck = nn.functional.pad(at[:, 1:] != at[:, :-1], (1, 0), value=True)
        spans = (lengths > 0).sum(dim=1) * HALVES
        shape = (len(at), -1, POINTS)
        heard: Heard = self.planner(degrees.view(shape), struck.view(shape), memory.home, spans)
        return heard

    def plan_nats(self, state: Seq2SeqState) -> Tensor:
        """Negative log-likelihood of each row's plan, (B,), in nats; 0 without a planner."""
        plan = state.memory.plan
        if self.planner is None:
            return torch.zeros(len(plan), device=plan.device)
        nats: Tensor = self.planner.nats(self.hear(state.memory), plan)
        return nats

    def planning_nats(self, source_ids: Tensor, plan: Tensor) -> Tensor:
        """Negative log-likelihood of each row's plan, (B,), in nats, the melodies listened to alone.

        Args:
            source_ids: (B, S), padded at the end with 0.
            plan: (B, K, 2), padded with `UNKNOWN`.

        Raises:
            ValueError: there is no planner.
        """
        heard = self.hear(self.encoder.listen(source_ids))
        assert self.planner is not None  # or there would be nothing to hear
        nats: Tensor = self.planner.nats(heard, plan)
        return nats

    def forward(self, ids: Tensor, state: Seq2SeqState) -> tuple[Tensor, Seq2SeqState]:
        """Follow T ids of the target.

        Args:
            ids: (B, T).
            state: after the ids before.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        memory = state.memory
        place, place_state = self.decoder.follow(ids, state.decoder.place)
        told, anchors, moved = None, None, None
        if self.now is not None:
            now = place.bar * _CLOCK + place.clock
            at = _sounding_at(now, memory.keys)  # (B, T)
            heard = memory.states.gather(1, at[..., None].expand(-1, -1, memory.states.shape[2]))
            pitch = memory.pitch.gather(1, at)  # (B, T)
            # From this voice's last pitch to the melody's, now and just before: how the two move.
            melody = torch.stack([pitch, memory.pitch.gather(1, _sounding_at(now - 1, memory.keys))], dim=2)
            motion = self.decoder.interval(semitones(place.anchors[..., :1], melody)).flatten(2)
            pitches = torch.stack([pitch, place.anchors[..., 0]], dim=2)
            degrees = self.degree(_degrees(pitches, memory.home)).flatten(2)
            home = memory.home[:, None].expand_as(pitch)
            bar = turned_classes(place.bar_classes, home).clamp(max=4) / 4
            scale = turned_classes(memory.classes[:, None].expand(-1, pitch.shape[1], -1), pitch.clamp(min=0))
            told = self.now(torch.cat([heard, motion, degrees, scale, bar], dim=2))
            anchors = pitch[..., None]
            moved = (pitch - melody[..., 1]) * (melody >= 0).all(dim=2)
            moved = moved[..., None]
        span = None
        if self.reader is not None and memory.plan.shape[1]:
            span = self.reader.span(place.bar, place.clock, place.metre)
            written = place.bar_classes.sum(dim=2)
            planned = self.reader.told(memory.plan, memory.home, span, written)
            told = planned if told is None else told + planned
        output, rnn_state = self.decoder.run(place, state.decoder.rnn, told)
        asked = torch.cat([output, self._attend(output, place, memory)], dim=2)
        output = output + torch.tanh(self.mix(asked))
        spoken = self._in_key(output, memory.home)
        if self.reader is not None and span is not None:
            spoken = spoken + self.reader.spoken(output, memory.plan, span, self.decoder.pitches)
        logits = self.decoder.score(output, place, anchors, moved, spoken)
        return logits, Seq2SeqState(memory, DecoderState(rnn_state, place_state))

    def _in_key(self, output: Tensor, home: Tensor) -> Tensor:
        """What speaks for each pitch by its degree, whatever the key, (B, T, P)."""
        degrees = (self.decoder.pitches - home[:, None]) % 12  # (B, P)
        spoken: Tensor = self.next_degree(output).gather(2, degrees[:, None].expand(-1, output.shape[1], -1))
        return spoken

    def _attend(self, output: Tensor, place: Place, memory: Memory) -> Tensor:
        """What of the melody each step asks for, (B, T, H)."""
        scores = self.query(output) @ memory.states.transpose(1, 2)  # (B, T, S)
        scores = scores.float() / memory.states.shape[2] ** 0.5
        apart = (memory.keys // _CLOCK)[:, None] - place.bar[..., None]  # (B, T, S) bars
        is_heard = (memory.keys < _AFTER)[:, None].expand_as(apart)
        if self.alignment != "none":
            near = apart.abs() <= self.reach
            is_heard = is_heard & (near | ~near.any(dim=2, keepdim=True))
            scores = scores + self.near[(apart.clamp(-self.reach, self.reach) + self.reach)]
        weights = scores.masked_fill(~is_heard, -torch.inf).softmax(dim=2)
        attended: Tensor = weights.to(memory.states.dtype) @ memory.states
        return attended


def _home(classes: Tensor) -> Tensor:
    """`Memory.home`, by the correlation of the shares (B, 12) with the profiles of the keys."""
    major, minor = (torch.tensor(profile, device=classes.device) for profile in (_MAJOR, _MINOR))
    order = (torch.arange(12, device=classes.device) - torch.arange(12, device=classes.device)[:, None]) % 12
    # Row k: the major key on k, and the minor key three semitones below, which has the same notes.
    keys = torch.stack([(major - major.mean())[order], (minor - minor.mean())[(order + 3) % 12]])
    return (classes @ keys.transpose(1, 2)).max(dim=0).values.argmax(dim=1)


def _degrees(pitch: Tensor, home: Tensor) -> Tensor:
    """Semitones of each pitch, (B, ...), above the tonic (B,), no octaves, + 1; 0 where there is none."""
    home = home.view(-1, *[1] * (pitch.dim() - 1))
    return torch.where(pitch >= 0, (pitch - home) % 12 + 1, 0)


def _sounding_at(when: Tensor, keys: Tensor) -> Tensor:
    """Which id of the source sounds then, (B, T); the first where none has begun.

    Args:
        when: (B, T), as keys.
        keys: (B, S).
    """
    return (torch.searchsorted(keys.contiguous(), when, right=True) - 1).clamp(min=0)
