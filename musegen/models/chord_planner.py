"""Plan an accompaniment, half a bar at a time, before a note of it is generated.

A plan gives for each half bar its chord and the number of notes that begin in it. A planner reads the melody
and predicts both, each half bar conditioned on the one before; the plan is an input of the decoder. So the
harmony is decided with the whole melody in view, by few and simple choices, and can be sampled more carefully
than the notes (compare the sketches of Music SketchNet, Chen 2020, arXiv:2008.01291).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.rnn import LockedDropout, make_two_stacks, run_bidirectional
from musegen.tokenizers.chord_plan import CHORDS, HALVES, NOTE_COUNTS, UNKNOWN, relative

SAMPLES_PER_HALF = 8
"""Points of each half bar at which the melody is sampled."""
PHRASE_SPANS = 16
MIN_NOTES_DUE, MAX_NOTES_DUE = -8, 24
"""Limits of the number of notes still due."""


class EncodedMelody(NamedTuple):
    """A melody as the planner has encoded it, in K spans of half a bar."""

    states: Tensor
    """(B, K, W) the state at each span."""
    tonic: Tensor
    """(B,) pitch class of the tonic, relative to which chords are encoded."""
    spans: Tensor
    """(B,) number of spans of each row."""


class Chain(nn.Module):
    """A linear-chain conditional random field over the spans of a piece (Lafferty 2001).

    It is normalised over whole sequences of labels, so that one uncertain label does not determine the next,
    as happens where each is sampled given the one before.

    Args:
        labels: C.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.moves = nn.Parameter(torch.zeros(labels, labels))

    def nats(self, unary: Tensor, labels: Tensor) -> Tensor:
        """Negative log-likelihood of labels, (B,).

        Args:
            unary: (B, K, C) logits of each label of each span.
            labels: (B, K), `UNKNOWN` beyond a row's end.
        """
        unary, is_known, labels = unary.float(), labels != UNKNOWN, labels.clamp(min=0)
        emissions = unary.gather(2, labels[..., None])[..., 0] * is_known
        transitions = self.moves[labels[:, :-1], labels[:, 1:]] * is_known[:, 1:]
        ahead = unary[:, 0]
        for span in range(1, unary.shape[1]):
            following = (ahead[:, :, None] + self.moves).logsumexp(dim=1) + unary[:, span]
            ahead = torch.where(is_known[:, span, None], following, ahead)
        return ahead.logsumexp(dim=1) - emissions.sum(dim=1) - transitions.sum(dim=1)


class Planner(nn.Module):
    """Predicts the plan of an accompaniment from its melody: its chords, then its note counts given these.

    Args:
        width: W, of its layers.
        dropout: in the inputs, between the layers and before the logits.
    """

    def __init__(self, *, width: int = 256, dropout: float = 0.3) -> None:
        super().__init__()
        self.input = nn.Linear(SAMPLES_PER_HALF * 14, width)
        self.phrase = nn.Embedding(PHRASE_SPANS, width)
        self.forwards, self.backwards = make_two_stacks(
            cell="lstm", input_size=width, hidden_size=width // 2, num_layers=2, dropout=dropout
        )
        self.dropout = LockedDropout(dropout)
        self.chord, self.chords = nn.Linear(width, CHORDS), Chain(CHORDS)
        self.notes_hidden, self.chord_here = nn.Linear(width, width), nn.Embedding(CHORDS, width)
        self.notes, self.note_counts = nn.Linear(width, len(NOTE_COUNTS)), Chain(len(NOTE_COUNTS))
        nn.init.normal_(self.phrase.weight, std=0.05)

    def forward(self, degrees: Tensor, struck: Tensor, tonic: Tensor, spans: Tensor) -> EncodedMelody:
        """Read a batch of melodies.

        Args:
            degrees: (B, K, SAMPLES_PER_HALF) semitones above the tonic + 1 of what sounds, 0 for silence.
            struck: (B, K, SAMPLES_PER_HALF) whether the note has begun since the point before.
            tonic: (B,) pitch class of the tonic.
            spans: (B,) spans of each row, at most K.
        """
        notes = nn.functional.one_hot(degrees, 13).flatten(2)
        inputs = torch.cat([notes, struck], dim=2).to(self.input.weight.dtype)
        steps = torch.arange(degrees.shape[1], device=degrees.device)
        inputs = self.dropout(torch.relu(self.input(inputs)) + self.phrase(steps % PHRASE_SPANS))
        states = run_bidirectional(self.forwards, self.backwards, inputs, spans)
        return EncodedMelody(self.dropout(states + inputs), tonic, spans)

    def chord_unary(self, melody: EncodedMelody) -> Tensor:
        """Logits of each chord relative to the tonic, (B, K, CHORDS)."""
        unary: Tensor = self.chord(melody.states)
        return unary

    def notes_unary(self, melody: EncodedMelody, chord: Tensor) -> Tensor:
        """Logits of each class of note counts, given the chords relative to the tonic, (B, K)."""
        unary: Tensor = self.notes(torch.relu(self.notes_hidden(melody.states) + self.chord_here(chord)))
        return unary

    def nats(self, melody: EncodedMelody, plan: Tensor) -> Tensor:
        """Negative log-likelihood of plans, (B,).

        Args:
            melody: the encoded melodies.
            plan: (B, K, 2), `UNKNOWN` beyond a row's end.
        """
        chord, notes = relative(plan[..., 0], melody.tonic), plan[..., 1]
        of_chords: Tensor = self.chords.nats(self.chord_unary(melody), chord)
        of_notes: Tensor = self.note_counts.nats(self.notes_unary(melody, chord.clamp(min=0)), notes)
        return of_chords + of_notes


class PlanReader(nn.Module):
    """Makes inputs and logits of a decoder from a plan.

    Args:
        hidden_size: H, of the decoder.
        bar_positions: (M,) positions of a bar of each metre, by its rank among the metres from 1 up.
    """

    _bar_positions: Tensor
    _counts: Tensor

    def __init__(self, *, hidden_size: int, bar_positions: Tensor) -> None:
        super().__init__()
        self.chord, self.chord_next = (nn.Embedding(CHORDS + 1, hidden_size) for _ in range(2))
        self.notes, self.notes_next = (nn.Embedding(len(NOTE_COUNTS) + 1, hidden_size) for _ in range(2))
        self.left = nn.Embedding(MAX_NOTES_DUE - MIN_NOTES_DUE + 1, hidden_size)
        self.tone = nn.Linear(hidden_size, 12)
        self.register_buffer("_bar_positions", bar_positions, persistent=False)
        ends = torch.tensor([*NOTE_COUNTS[1:], NOTE_COUNTS[-1] + 4])
        self.register_buffer("_counts", (torch.tensor(NOTE_COUNTS) + ends) // 2, persistent=False)
        for embedding in (self.chord, self.chord_next, self.notes, self.notes_next, self.left):
            nn.init.normal_(embedding.weight, std=0.05)

    def span(self, bar: Tensor, position: Tensor, metre: Tensor) -> Tensor:
        """Number of the span of each step, (B, T), from 0: see `StepFeatures`."""
        half = (position * HALVES // self._bar_positions[metre]).clamp(max=HALVES - 1)
        return (bar - 1).clamp(min=0) * HALVES + half

    def inputs(self, plan: Tensor, tonic: Tensor, span: Tensor, written: Tensor) -> Tensor:
        """The input of each step, (B, T, H).

        Args:
            plan: (B, K, 2).
            tonic: (B,) the tonic.
            span: (B, T) of each step.
            written: (B, T) notes that have begun in its bar.
        """
        chord, notes = relative(plan[..., 0], tonic) + 1, plan[..., 1] + 1  # 0 where unknown
        last = plan.shape[1] - 1
        here, following = span.clamp(max=last), (span + 1).clamp(max=last)
        due = torch.where(notes > 0, self._counts[(notes - 1).clamp(min=0)], 0)  # (B, K)
        # In the second half of a bar, the notes of the first half are due as well.
        due = due + torch.where(torch.arange(last + 1, device=due.device) % HALVES > 0, due.roll(1, 1), 0)
        left = (due.gather(1, here) - written).clamp(MIN_NOTES_DUE, MAX_NOTES_DUE) - MIN_NOTES_DUE
        inputs = self.chord(chord.gather(1, here)) + self.chord_next(chord.gather(1, following))
        inputs = inputs + self.notes(notes.gather(1, here)) + self.notes_next(notes.gather(1, following))
        return torch.add(inputs, self.left(left))

    def pitch_logits(self, output: Tensor, plan: Tensor, span: Tensor, pitches: Tensor) -> Tensor:
        """Logits of each pitch by its interval from the root of the chord, (B, T, P).

        Args:
            output: (B, T, H) of the decoder.
            plan: (B, K, 2).
            span: (B, T) of each step.
            pitches: (P,) MIDI pitches.
        """
        chord = plan[..., 0].gather(1, span.clamp(max=plan.shape[1] - 1))  # (B, T)
        tones = (pitches - ((chord - 1) // 2)[..., None]) % 12  # (B, T, P)
        return torch.where((chord > 0)[..., None], self.tone(output).gather(2, tones), 0.0)
