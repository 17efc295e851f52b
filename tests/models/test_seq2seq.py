"""The accompanist: the law, what it hears of the melody and when."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from musegen.checkpoint.build import build_model
from musegen.config.encoder import EncoderConfig
from musegen.config.settings import DataConfig, LMConfig, Seq2SeqTrainConfig, TokenizerConfig
from musegen.data.dataset import Dataset
from musegen.data.fitting import fit_tokenizer
from musegen.data.views import TokenView, token_view
from musegen.models.encoder import BAR_KEY, tonic_of
from musegen.models.seq2seq import Seq2Seq, degrees_of
from musegen.tokenizers import Kind, Tables, Tokenizer
from musegen.tokenizers.chord_plan import UNKNOWN, stream_plan

KINDS = ["grid", "remi"]
ALIGNMENTS = ["now", "bars", "none"]


def made(
    dataset: Dataset, kind: str, alignment: str = "now", **settings: Any
) -> tuple[Seq2Seq, Tokenizer, TokenView]:
    tokenizer = fit_tokenizer(dataset, TokenizerConfig(kind=kind), pairs=True)  # type: ignore[arg-type]
    view = token_view(dataset, tokenizer, DataConfig(), pairs=True)
    config = Seq2SeqTrainConfig(
        model=LMConfig(embedding_dim=16, hidden_size=32, **settings),
        encoder=EncoderConfig(alignment=alignment, reach=1),  # type: ignore[arg-type]
    )
    torch.manual_seed(0)
    model = build_model(config, tokenizer).eval()
    assert isinstance(model, Seq2Seq)
    return model, tokenizer, view


def batch_of(view: TokenView, rows: int) -> tuple[Tensor, Tensor]:
    """Sources (B, S) and targets (B, T)."""
    streams = [[torch.from_numpy(get(i)) for i in range(rows)] for get in (view.source, view.stream)]
    sources, targets = (pad_sequence(each, batch_first=True) for each in streams)
    return sources, targets[:, :300]


def plans(model: Seq2Seq, tokenizer: Tokenizer, view: TokenView, rows: int) -> Tensor | None:
    """(B, K, 2) of the first streams, None for a model without a planner."""
    if model.planner is None:
        return None
    own = [torch.from_numpy(stream_plan(view.stream(row), tokenizer.tables)) for row in range(rows)]
    return pad_sequence(own, batch_first=True, padding_value=UNKNOWN)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("settings", [{}, {"cell": "transformer"}, {"features": False}])
def test_any_cutting_gives_the_same_logits(
    kind: str, alignment: str, settings: dict[str, Any], chorales: Dataset
) -> None:
    model, tokenizer, view = made(chorales, kind, alignment, **settings)
    sources, ids = batch_of(view, 3)
    plan = plans(model, tokenizer, view, 3)
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        whole, _ = model(ids, model.init_state(sources, plan))
        for pieces in (2, 9, 300):
            cuts = np.sort(rng.choice(np.arange(1, 300), pieces - 1, replace=False)).tolist()
            state, parts = model.init_state(sources, plan), []
            for begin, end in zip([0, *cuts], [*cuts, ids.shape[1]], strict=True):
                logits, state = model(ids[:, begin:end], state)
                parts.append(logits)
            assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", ["lstm", "transformer"])
def test_padding_changes_nothing(kind: str, cell: str, chorales: Dataset) -> None:
    model, _, view = made(chorales, kind, cell=cell)
    sources, ids = batch_of(view, 3)
    with torch.inference_mode():
        together, _ = model(ids, model.init_state(sources))
        for row in range(3):
            source = torch.from_numpy(view.source(row))[None]
            alone, _ = model(ids[row : row + 1], model.init_state(source))
            assert torch.allclose(alone[0], together[row], atol=1e-5, rtol=0)


def test_the_melody_of_this_moment_is_heard(chorales: Dataset) -> None:
    """What each step is aligned with begins at its time, for every id of the target."""
    model, tokenizer, view = made(chorales, "grid")
    source, target = view.source(0), view.stream(0)
    memory = model.encoder(torch.from_numpy(source)[None])
    place, _ = model.decoder.tracker(torch.from_numpy(target)[None], model.decoder.init_state(1).place)
    at = memory.sounding_at(place.bar * BAR_KEY + place.next_position)[0].tolist()
    assert tokenizer.tables.voices == 3
    position = 0
    for index, id_ in enumerate(target.tolist()):
        name = tokenizer.vocab[id_]
        if name == "Bar_None" or name.startswith("TimeSig"):
            continue
        if name.startswith(("Pitch", "Hold", "Rest")):
            position += 1
        if (
            position % 3 == 0
            and 0 < position < 3 * 16
            and not tokenizer.vocab[target[index + 1]].startswith("Bar")
        ):
            melody_slots = [i for i, s in enumerate(source.tolist()) if view.sources.tables.kind[s] >= 8]  # type: ignore[union-attr]
            assert at[index] == melody_slots[position // 3]


def test_the_end_of_the_melody_is_heard_from_the_beginning(chorales: Dataset) -> None:
    model, tokenizer, view = made(chorales, "grid", "none")
    sources, ids = batch_of(view, 1)
    changed = sources.clone()
    last = int((sources[0] == tokenizer.eos_id).nonzero()[0]) - 1
    changed[0, last] = view.sources.tables.ids(8)[5]  # type: ignore[union-attr, arg-type]
    with torch.inference_mode():
        one, _ = model(ids[:, :4], model.init_state(sources))
        other, _ = model(ids[:, :4], model.init_state(changed))
    assert not torch.equal(one, other)


def test_a_voice_knows_which_pitch_would_follow_another_in_parallel(chorales: Dataset) -> None:
    """A weight against kept fifths lowers the logits of just those pitches that keep one."""
    model, tokenizer, view = made(chorales, "grid")
    sources, ids = batch_of(view, 1)
    parallel = model.decoder.parallel
    assert parallel is not None
    with torch.inference_mode():
        parallel.weight.zero_()
        parallel.bias.zero_()
        before, _ = model(ids, model.init_state(sources))
        parallel.bias[7] = -9
        after, _ = model(ids, model.init_state(sources))
    lowered = {(step, int(i)) for step, i in (before != after)[0].nonzero().tolist()}
    expected, tables = set(), tokenizer.tables
    melody = [int(i) for i in sources[0] if view.sources.tables.kind[int(i)] >= 8]  # type: ignore[union-attr]
    sung = pitches_of(melody, view.sources.tables, rests=-1)  # type: ignore[union-attr]
    slots = [(at, int(i)) for at, i in enumerate(ids[0].tolist()) if tables.kind[i] >= 8]
    rows = [[i for at, i in slots[voice::3]] for voice in range(3)]
    heard = [pitches_of(row, tables) for row in rows]
    for count in range(3, len(slots)):  # what may come as slot number `count`, after the id before it
        position, voice = divmod(count, 3)
        if position >= len(rows[-1]) or slots[count][0] != slots[count - 1][0] + 1:
            continue  # a bar line comes before it
        own = heard[voice][position - 1]
        for other in [sung, *heard[:voice]]:
            if min(own, other[position], other[position - 1]) < 0:
                continue
            motion = other[position] - other[position - 1]
            if motion and (other[position - 1] - own) % 12 == 7:
                expected.add((slots[count - 1][0], int(np.flatnonzero(tables.pitch == own + motion)[0])))
    inside = {at for (at, i), (after, _) in itertools.pairwise(slots) if after == at + 1}
    assert {pair for pair in lowered if pair[0] in inside} == expected
    assert expected


@pytest.mark.parametrize(
    ("scale", "home"),
    [
        ((2, 4, 6, 7, 9, 11, 1), 2),  # D major, its tonic and fifth most
        ((9, 11, 0, 2, 4, 5, 8), 0),  # A minor: its relative major
        ((7, 9, 11, 0, 2, 4, 6), 7),
    ],
)
def test_home_is_the_key_of_the_melody(scale: tuple[int, ...], home: int) -> None:
    classes = torch.zeros(1, 12)
    for degree, weight in enumerate((4, 1, 3, 1, 3, 1, 1)):
        classes[0, scale[degree]] = weight
    assert tonic_of(classes / classes.sum()).tolist() == [home]
    assert tonic_of(classes.roll(3, dims=1)).tolist() == [(home + 3) % 12]


def test_degrees_are_the_same_in_every_key() -> None:
    pitch = torch.tensor([[60, 67, -1, 71]])
    degrees = degrees_of(pitch, torch.tensor([0]))
    assert degrees.tolist() == [[1, 8, 0, 12]]
    assert torch.equal(degrees_of(torch.where(pitch >= 0, pitch + 5, -1), torch.tensor([5])), degrees)


def pitches_of(row: list[int], tables: Tables, rests: int | None = None) -> list[int]:
    """The pitch a voice struck last, position by position, -1 before the first; in rests `rests` if given."""
    pitches = [-1]
    for id_ in row:
        last = next((pitch for pitch in reversed(pitches) if pitch >= 0), -1)
        kept = last if rests is None or tables.kind[id_] != Kind.REST else rests
        pitches.append(int(tables.pitch[id_]) if tables.kind[id_] == Kind.PITCH else kept)
    return pitches[1:]


def test_a_bar_line_knows_both_halves_of_its_plan_and_nothing_later(chorales: Dataset) -> None:
    model, tokenizer, view = made(chorales, "remi")
    sources, ids = batch_of(view, 1)
    plan = plans(model, tokenizer, view, 1)
    assert plan is not None
    at = int(np.flatnonzero(tokenizer.tables.kind[ids[0]] == Kind.BAR)[0])
    with torch.inference_mode():
        before, _ = model(ids, model.init_state(sources, plan))
        for span, moved in ((0, True), (1, True), (2, False)):
            other = plan.clone()
            other[0, span] = torch.tensor([7, 5])
            after, _ = model(ids, model.init_state(sources, other))
            assert torch.allclose(before[0, at], after[0, at], atol=1e-6) is not moved


def test_nats_of_a_plan_do_not_depend_on_what_stands_beside_it(chorales: Dataset) -> None:
    """Nor on the layers of the encoder: the planner's melodies are only listened to."""
    model, tokenizer, view = made(chorales, "remi")
    sources, _ = batch_of(view, 3)
    plan = plans(model, tokenizer, view, 3)
    assert plan is not None
    with torch.inference_mode():
        together = model.plan_nats(model.init_state(sources, plan))
        assert torch.allclose(model.planning_nats(sources, plan), together, rtol=1e-5)
        for row in range(3):
            source = torch.from_numpy(view.source(row))[None]
            own = plan[row : row + 1, plan[row, :, 0] != UNKNOWN]
            assert float(model.planning_nats(source, own)) == pytest.approx(float(together[row]), rel=1e-4)
