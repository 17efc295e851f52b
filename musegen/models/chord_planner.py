"""What an accompaniment is to be like, half a bar at a time, before a note of it is written.

A plan says of each half of each bar which chord it has and how many notes begin in it. A planner reads the
melody and foretells both, each half given the half before; the decoder is told the plan and fills it in.
So harmony is decided with the whole melody in view, by few and simple choices, and may be chosen more
carefully than notes are (compare the sketches of Music SketchNet, Chen 2020, arXiv:2008.01291).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.rnn import LockedDropout, both_ways, two_stacks
from musegen.tokenizers.chord_plan import CHORDS, HALVES, NOTE_COUNTS, UNKNOWN

SAMPLES_PER_HALF = 8
"""At which a span of the melody is looked at."""
PHRASE_SPANS = 16
_FEWEST, _MOST = -8, 24
"""Notes still to come that are told apart."""


class Heard(NamedTuple):
    """The melody as the planner has read it."""

    states: Tensor
    """(B, K, W) of each span."""
    home: Tensor
    """(B,) pitch class from which chords are reckoned."""
    spans: Tensor
    """(B,) spans of each row."""


def relative(chords: Tensor, home: Tensor) -> Tensor:
    """Chords, (B, ...), as seen from the tonics (B,); 0 and less stay."""
    home = home.view(-1, *[1] * (chords.dim() - 1))
    return torch.where(chords > 0, (chords - 1 - 2 * home) % 24 + 1, chords)


def absolute(chords: Tensor, home: Tensor) -> Tensor:
    """What `relative` made of chords, undone."""
    return relative(chords, -home)


class Chain(nn.Module):
    """A linear-chain conditional random field over the spans of a piece (Lafferty 2001).

    It is normalised over whole sequences of labels, so that one doubtful label does not lead to the next, as
    happens where each is drawn given the one before.

    Args:
        labels: C.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.moves = nn.Parameter(torch.zeros(labels, labels))

    def nats(self, unary: Tensor, labels: Tensor) -> Tensor:
        """Negative log-likelihood of labels, (B,).

        Args:
            unary: (B, K, C) what speaks for each label of each span.
            labels: (B, K), `UNKNOWN` beyond a row's end.
        """
        unary, is_there, own = unary.float(), labels != UNKNOWN, labels.clamp(min=0)
        spoken = unary.gather(2, own[..., None])[..., 0] * is_there
        moved = self.moves[own[:, :-1], own[:, 1:]] * is_there[:, 1:]
        ahead = unary[:, 0]
        for span in range(1, unary.shape[1]):
            further = (ahead[:, :, None] + self.moves).logsumexp(dim=1) + unary[:, span]
            ahead = torch.where(is_there[:, span, None], further, ahead)
        return ahead.logsumexp(dim=1) - spoken.sum(dim=1) - moved.sum(dim=1)


class Planner(nn.Module):
    """Foretells the plan of an accompaniment from its melody: its chords, then how busy it is given these.

    Args:
        width: W, of its layers.
        dropout: in the inputs, between the layers and before the logits.
    """

    def __init__(self, *, width: int = 256, dropout: float = 0.3) -> None:
        super().__init__()
        self.input = nn.Linear(SAMPLES_PER_HALF * 14, width)
        self.phrase = nn.Embedding(PHRASE_SPANS, width)
        self.forwards, self.backwards = two_stacks(
            cell="lstm", input_size=width, hidden_size=width // 2, num_layers=2, dropout=dropout
        )
        self.dropout = LockedDropout(dropout)
        self.chord, self.chords = nn.Linear(width, CHORDS), Chain(CHORDS)
        self.notes_hidden, self.chord_here = nn.Linear(width, width), nn.Embedding(CHORDS, width)
        self.notes, self.note_counts = nn.Linear(width, len(NOTE_COUNTS)), Chain(len(NOTE_COUNTS))
        nn.init.normal_(self.phrase.weight, std=0.05)

    def forward(self, degrees: Tensor, struck: Tensor, home: Tensor, spans: Tensor) -> Heard:
        """Read a batch of melodies.

        Args:
            degrees: (B, K, SAMPLES_PER_HALF) semitones above the tonic + 1 of what sounds, 0 for silence.
            struck: (B, K, SAMPLES_PER_HALF) whether it has begun since the point before.
            home: (B,) pitch class of the tonic.
            spans: (B,) spans of each row, at most K.
        """
        notes = nn.functional.one_hot(degrees, 13).flatten(2)
        told = torch.cat([notes, struck], dim=2).to(self.input.weight.dtype)
        steps = torch.arange(degrees.shape[1], device=degrees.device)
        inputs = self.dropout(torch.relu(self.input(told)) + self.phrase(steps % PHRASE_SPANS))
        states = both_ways(self.forwards, self.backwards, inputs, spans)
        return Heard(self.dropout(states + inputs), home, spans)

    def chord_unary(self, heard: Heard) -> Tensor:
        """What speaks for each chord, as seen from the tonic, (B, K, CHORDS)."""
        unary: Tensor = self.chord(heard.states)
        return unary

    def notes_unary(self, heard: Heard, chord: Tensor) -> Tensor:
        """What speaks for each class of how many notes begin, given the chords (B, K) from the tonic."""
        unary: Tensor = self.notes(torch.relu(self.notes_hidden(heard.states) + self.chord_here(chord)))
        return unary

    def nats(self, heard: Heard, plan: Tensor) -> Tensor:
        """Negative log-likelihood of plans, (B,).

        Args:
            heard: the melodies.
            plan: (B, K, 2), `UNKNOWN` beyond a row's end.
        """
        chord, notes = relative(plan[..., 0], heard.home), plan[..., 1]
        of_chords: Tensor = self.chords.nats(self.chord_unary(heard), chord)
        of_notes: Tensor = self.note_counts.nats(self.notes_unary(heard, chord.clamp(min=0)), notes)
        return of_chords + of_notes


class PlanReader(nn.Module):
    """What of the plan each step of a decoder is told.

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
        self.left = nn.Embedding(_MOST - _FEWEST + 1, hidden_size)
        self.tone = nn.Linear(hidden_size, 12)
        self.register_buffer("_bar_positions", bar_positions, persistent=False)
        ends = torch.tensor([*NOTE_COUNTS[1:], NOTE_COUNTS[-1] + 4])
        self.register_buffer("_counts", (torch.tensor(NOTE_COUNTS) + ends) // 2, persistent=False)
        for embedding in (self.chord, self.chord_next, self.notes, self.notes_next, self.left):
            nn.init.normal_(embedding.weight, std=0.05)

    def span(self, bar: Tensor, clock: Tensor, metre: Tensor) -> Tensor:
        """Number of the span of each step, (B, T), from 0: see `Place`."""
        half = (clock * HALVES // self._bar_positions[metre]).clamp(max=HALVES - 1)
        return (bar - 1).clamp(min=0) * HALVES + half

    def told(self, plan: Tensor, home: Tensor, span: Tensor, written: Tensor) -> Tensor:
        """What each step is told, (B, T, H).

        Args:
            plan: (B, K, 2).
            home: (B,) the tonic.
            span: (B, T) of each step.
            written: (B, T) notes that have begun in its bar.
        """
        chord, notes = relative(plan[..., 0], home) + 1, plan[..., 1] + 1  # 0 where unknown
        last = plan.shape[1] - 1
        here, following = span.clamp(max=last), (span + 1).clamp(max=last)
        due = torch.where(notes > 0, self._counts[(notes - 1).clamp(min=0)], 0)  # (B, K)
        # Of the second half of a bar, those of the first are due as well.
        due = due + torch.where(torch.arange(last + 1, device=due.device) % HALVES > 0, due.roll(1, 1), 0)
        left = (due.gather(1, here) - written).clamp(_FEWEST, _MOST) - _FEWEST
        told = self.chord(chord.gather(1, here)) + self.chord_next(chord.gather(1, following))
        told = told + self.notes(notes.gather(1, here)) + self.notes_next(notes.gather(1, following))
        return torch.add(told, self.left(left))

    def spoken(self, output: Tensor, plan: Tensor, span: Tensor, pitches: Tensor) -> Tensor:
        """What speaks for each pitch by its interval from the chord's root, (B, T, P).

        Args:
            output: (B, T, H) of the decoder.
            plan: (B, K, 2).
            span: (B, T) of each step.
            pitches: (P,) MIDI pitches.
        """
        chord = plan[..., 0].gather(1, span.clamp(max=plan.shape[1] - 1))  # (B, T)
        tones = (pitches - ((chord - 1) // 2)[..., None]) % 12  # (B, T, P)
        return torch.where((chord > 0)[..., None], self.tone(output).gather(2, tones), 0.0)
