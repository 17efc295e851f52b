"""-ln P of the pitches that accompanying voices sound at each position of a grid, given the melody.

On a dataset in which equal neighbours are held, the ids of a grid and the pitches that sound at its
positions are equivalent representations: a voice that sounds may be held, but not strike the same pitch
again. With that id masked, each voice at each position has 129 possible ids, one for each pitch and one for
silence. Bar lines, time signatures and the end of the piece are known and not scored, nor is the rest that
completes the bar of a pickup, nor what follows the last note.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from musegen.checkpoint.folder import Checkpoint
from musegen.data.dataset import Dataset
from musegen.data.views import TokenView
from musegen.errors import DataError
from musegen.evaluation.likelihood import filled_up, length_batches, model_view, padded
from musegen.models.lm import LanguageModel
from musegen.models.protocol import first_state
from musegen.music.notes import last_end
from musegen.tokenizers import GridTokenizer, Kind, Tables

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Legal = Callable[[Ints, Tables], Bools]
SILENCE = 128
STATES = 129
"""The number of states of a voice: one of 128 pitches, or silence."""


class Cost(NamedTuple):
    """The cost of one piece."""

    name: str
    nats: float
    """Summed over voices and positions."""
    beats: float
    """Quarter notes."""


def voice_costs(checkpoint: Checkpoint, dataset: Dataset, view: TokenView, indices: list[int]) -> list[Cost]:
    """The cost of each piece under an accompaniment model that writes a grid.

    Args:
        checkpoint: the model, its tokenizer a grid.
        dataset: a dataset in which equal neighbours are held.
        view: of the dataset.
        indices: of the pieces, in the view.
    """
    tokenizer, costs = checkpoint.tokenizer, {}
    assert isinstance(tokenizer, GridTokenizer)
    for index, nats in piece_nats(checkpoint, view, indices):
        begin, end = music_span(dataset, view, index, tokenizer)
        beats = (end - begin) / tokenizer.positions
        costs[index] = Cost(view.pieces[index].name, float(nats[begin:end].sum()), beats)
    return [costs[index] for index in indices]


def piece_nats(
    checkpoint: Checkpoint, view: TokenView, indices: Sequence[int], legal: Legal | None = None
) -> Iterator[tuple[int, torch.Tensor]]:
    """The index of each piece, in any order, and the nats of each voice at each of its positions."""
    model, tables = checkpoint.model, checkpoint.tokenizer.tables
    for batch in length_batches(view, list(indices)):
        source_ids, ids = padded(view, batch, next(model.parameters()).device)
        with torch.inference_mode():
            logits, _ = model(ids[:, :-1], first_state(model, len(batch), source_ids))
        for row, index in enumerate(batch):
            yield index, slot_nats(logits[row].cpu(), view.stream(index), tables, legal or legal_ids)


def mean_nats(
    checkpoint: Checkpoint,
    view: TokenView,
    split: str,
    spans: dict[str, tuple[int, int]],
    legal: Legal | None = None,
) -> float:
    """Nats per position of a split, summed over the voices.

    Args:
        checkpoint: a language model that writes a grid.
        view: see `lm_view`.
        split: of the pieces.
        spans: the first position that is scored and the one after the last, by the name of the piece.
        legal: see `slot_nats`.
    """
    tokenizer, nats, count = checkpoint.tokenizer, 0.0, 0
    assert isinstance(tokenizer, GridTokenizer)
    for index, each in piece_nats(checkpoint, view, view.indices(split), legal):
        begin, end = spans[Path(view.pieces[index].name).name]
        rest = round(filled_up(view, index, tokenizer.tables) * tokenizer.positions)
        music = each[rest + begin : rest + end]
        assert len(music) == end - begin
        nats, count = nats + float(music.sum()), count + len(music)
    return nats / count


def lm_view(checkpoint: Checkpoint, dataset: Dataset, split: str, place: tuple[int, int]) -> TokenView:
    """The token view of a dataset for a language model that writes a grid.

    Args:
        checkpoint: the model.
        dataset: the dataset.
        split: the split that must be complete in the view.
        place: the positions per quarter note and the number of voices that the grid must have.

    Raises:
        DataError: the checkpoint is no such model, or a piece cannot be encoded.
    """
    tokenizer = checkpoint.tokenizer
    if not isinstance(checkpoint.model, LanguageModel) or not isinstance(tokenizer, GridTokenizer):
        raise DataError(f"{checkpoint.path} is no language model that writes a grid")
    if (tokenizer.positions, tokenizer.voices) != place:
        raise DataError(f"{checkpoint.path} does not write {place[1]} voices, {place[0]} times per quarter")
    view = model_view(checkpoint, dataset)
    if len(view.indices(split)) < len(dataset.split(split)):
        raise DataError(f"not every {split} piece can be encoded: {view.skipped}")
    return view


def slot_nats(logits: torch.Tensor, ids: Ints, tables: Tables, legal: Legal) -> torch.Tensor:
    """Nats of each voice at each position, (positions, voices).

    Args:
        logits: (T', V) for the next id at each position, at least as many as in the stream.
        ids: (T,) the token sequence.
        tables: of its tokenizer.
        legal: returns the allowed ids of each slot, such as `legal_ids`.
    """
    at = np.flatnonzero(tables.kind[ids] >= Kind.PITCH)
    allowed = torch.from_numpy(legal(ids, tables))
    log_p = logits[at - 1].double().masked_fill(~allowed, -torch.inf).log_softmax(dim=1)
    nats = -log_p.gather(1, torch.from_numpy(ids[at])[:, None])
    return nats.view(-1, tables.voices)


def legal_ids(ids: Ints, tables: Tables) -> Bools:
    """The ids allowed for each voice at each position, (positions * voices, V): `STATES` of them."""
    states = sounding(ids, tables)
    silence = np.full_like(states[:1], SILENCE)
    before = np.concatenate([silence, states[:-1]]).ravel()  # state of each voice at the previous position
    legal = np.tile(np.isin(tables.kind, (Kind.PITCH, Kind.REST)), (len(before), 1))
    rows = np.flatnonzero(before != SILENCE)
    legal[np.ix_(rows, tables.ids(Kind.HOLD))] = True
    legal[rows, tables.ids(Kind.PITCH)[before[rows]]] = False
    return np.asarray(legal)


def sounding(ids: Ints, tables: Tables) -> Ints:
    """What each voice sounds at each position, (positions, voices): a pitch, or SILENCE."""
    slots = ids[tables.kind[ids] >= Kind.PITCH].reshape(-1, tables.voices)
    is_held = tables.kind[slots] == Kind.HOLD
    rows = np.where(is_held, 0, np.arange(len(slots))[:, None])
    struck = np.take_along_axis(slots, np.maximum.accumulate(rows, axis=0), axis=0)
    return np.where(tables.kind[struck] == Kind.PITCH, tables.pitch[struck], SILENCE)


def music_span(dataset: Dataset, view: TokenView, index: int, tokenizer: GridTokenizer) -> tuple[int, int]:
    """The positions at which a piece begins, after the rest that completes the bar of a pickup, and ends."""
    score = dataset.score(view.pieces[index])
    begin = filled_up(view, index, tokenizer.tables) * tokenizer.positions
    end = last_end(score) * tokenizer.positions / score.ticks_per_quarter
    return round(begin), round(end)


def hold_or_draw_costs(train: list[Ints], test: list[Ints]) -> list[float]:
    """Nats of each test piece under a trivial baseline: a voice holds its pitch, or samples another one.

    Both probabilities are estimated for each voice from the training pieces, adding 1 to the counts of the
    two choices and 0.5 to those of all pitches.

    Args:
        train: sounding pitches, see `sounding`, each (positions, voices).
        test: the same.
    """
    nats = np.zeros(len(test))
    for voice in range(train[0].shape[1]):
        lines = [piece[:, voice] for piece in train]
        held = np.concatenate([line[1:] == line[:-1] for line in lines])
        p_hold = (held.sum() + 1) / (len(held) + 2)
        drawn = np.concatenate([np.append(line[:1], line[1:][line[1:] != line[:-1]]) for line in lines])
        p = np.bincount(drawn, minlength=STATES) + 0.5
        p = p / p.sum()
        for number, piece in enumerate(test):
            before, after = piece[:-1, voice], piece[1:, voice]
            moved = (1 - p_hold) * p[after] / (1 - p[before])
            each = np.append(p[piece[0, voice]], np.where(before == after, p_hold, moved))
            nats[number] -= np.log(each).sum()
    return [float(each) for each in nats]
