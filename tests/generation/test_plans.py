"""Plans drawn by a planner, and what users settle of them."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.errors import ConfigError
from musegen.generation.accompany import Accompaniment, accompany
from musegen.generation.backends import machine_of
from musegen.generation.eager import Eager
from musegen.generation.machine import Array, Machine
from musegen.generation.plans import Plans, draw_labels, draw_plans, label_nats
from musegen.generation.sampling import RowStreams
from musegen.models.chord_planner import Chain
from musegen.models.encoder import Memory
from musegen.models.seq2seq import Seq2Seq
from musegen.music.chord_sequence import parse_chords
from musegen.music.metre import bar_ticks
from musegen.music.notes import Floats
from musegen.music.writing.midi import write_score
from musegen.tokenizers import melody_tokenizer
from musegen.tokenizers.chord_plan import CHORDS, NOTE_COUNTS, UNKNOWN, absolute, planned_chords, relative
from musegen.tokenizers.tables import Ints
from tests.generation.test_accompany import tune


@pytest.fixture(scope="module")
def machine(pianist: Path) -> Machine:
    """A model whose planner lets some labels follow others sooner than fresh ones do."""
    checkpoint = load_checkpoint(pianist)
    assert isinstance(checkpoint.model, Seq2Seq)
    planner = checkpoint.model.planner
    assert planner is not None
    torch.manual_seed(3)
    for chain in (planner.chords, planner.note_counts):
        torch.nn.init.normal_(chain.moves)
    return Eager(checkpoint.model, checkpoint.tokenizer.tables)


@pytest.fixture(scope="module")
def heard(machine: Machine, pianist: Path) -> tuple[Array, ...]:
    """What the planner hears of a tune of four bars."""
    reader = melody_tokenizer(load_checkpoint(pianist).tokenizer)
    _, keys, pitch, _, tonic, lengths, _ = machine.call("encode", reader.encode(tune())[None])
    return keys, pitch, tonic, lengths[:, :4]


def chords_of(text: str, bars: int) -> list[int]:
    """The chords of a plan for a text."""
    return planned_chords(parse_chords(text), bars)


NOTHING = np.full((8, 2), UNKNOWN)


def drawn(
    machine: Machine, heard: tuple[Array, ...], rows: range, fixed: Ints = NOTHING, temperature: float = 1.0
) -> Plans:
    return draw_plans(machine, heard, RowStreams(4, rows), temperature=temperature, fixed=fixed)


def test_plans_are_whole_and_do_not_depend_on_how_many_there_are(
    machine: Machine, heard: tuple[Array, ...]
) -> None:
    eight = drawn(machine, heard, range(8))
    assert eight.plan.shape == (8, 8, 2)
    assert 0 <= eight.plan[..., 0].min() <= eight.plan[..., 0].max() < CHORDS
    assert 0 <= eight.plan[..., 1].min() <= eight.plan[..., 1].max() < len(NOTE_COUNTS)
    alone = drawn(machine, heard, range(5, 6))
    assert np.array_equal(alone.plan[0], eight.plan[5])
    assert alone.nats[0] == pytest.approx(eight.nats[5], rel=1e-6)
    assert not np.array_equal(eight.plan[4], eight.plan[5])


def test_what_is_settled_stays_and_the_rest_follows_it(machine: Machine, heard: tuple[Array, ...]) -> None:
    given = NOTHING.copy()
    given[:3] = [[1, 4], [20, 2], [0, 0]]
    given[6, 0] = 13
    plans = drawn(machine, heard, range(8), given).plan
    settled = given != UNKNOWN
    assert (plans[:, settled] == given[settled]).all()
    assert not np.array_equal(plans[:, 3:6], drawn(machine, heard, range(8)).plan[:, 3:6])


def test_nats_of_a_plan_are_those_of_the_model(machine: Machine, pianist: Path) -> None:
    """Of the whole plan, its settled part included, whatever the temperature at which it is drawn."""
    checkpoint = load_checkpoint(pianist)
    assert isinstance(checkpoint.model, Seq2Seq)
    machine, source = Eager(checkpoint.model, checkpoint.tokenizer.tables), tune()
    ids = melody_tokenizer(checkpoint.tokenizer).encode(source)[None]
    _, keys, pitch, _, tonic, lengths, _ = machine.call("encode", ids)
    given = NOTHING.copy()
    given[2] = [5, 3]
    for temperature in (0.0, 0.7):
        found = drawn(machine, (keys, pitch, tonic, lengths[:, :4]), range(3), given, temperature)
        with torch.inference_mode():
            plan = torch.from_numpy(found.plan)
            wanted = checkpoint.model.planning_nats(torch.from_numpy(ids).expand(3, -1), plan)
        assert found.nats == pytest.approx(wanted.numpy(), rel=1e-4)


def labellings(chain: Chain, unary: torch.Tensor) -> tuple[list[tuple[int, ...]], torch.Tensor]:
    """Every labelling of one short row, and its log-probability, by adding up one after the other."""
    spans, count = unary.shape
    every = list(itertools.product(range(count), repeat=spans))
    scores = [
        sum(float(unary[k, label]) for k, label in enumerate(labels))
        + sum(float(chain.moves[a, b]) for a, b in itertools.pairwise(labels))
        for labels in every
    ]
    return every, torch.tensor(scores).log_softmax(dim=0)


@pytest.fixture(scope="module")
def chain() -> Chain:
    torch.manual_seed(5)
    made = Chain(3)
    torch.nn.init.normal_(made.moves, std=1.5)
    return made.requires_grad_(False)


def test_a_chain_is_normalised_over_whole_labellings(chain: Chain) -> None:
    unary = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    every, log_probs = labellings(chain, unary)
    found = chain.nats(unary.expand(len(every), -1, -1), torch.tensor(every))
    assert torch.allclose(found, -log_probs, atol=1e-5)
    longer = torch.cat([unary, torch.randn(2, 3)])[None]
    beyond = torch.tensor([[*every[40], UNKNOWN, UNKNOWN]])
    assert float(chain.nats(longer, beyond)) == pytest.approx(float(found[40]), abs=1e-5)


def numbers_of(chain: Chain, unary: torch.Tensor, rows: int) -> tuple[Floats, Floats]:
    """Logits of moves and labels as arrays, `rows` times the same row."""
    return chain.moves.double().numpy(), unary.double().expand(rows, -1, -1).numpy()


@pytest.mark.parametrize("labels", [3, CHORDS])
def test_nats_of_labels_are_those_of_the_chain(labels: int) -> None:
    """Array by array what the model is trained with."""
    generator = torch.Generator().manual_seed(labels)
    chain = Chain(labels).requires_grad_(False)
    torch.nn.init.normal_(chain.moves, std=1.5, generator=generator)
    unary = 3 * torch.randn(5, 9, labels, generator=generator)
    given = torch.randint(labels, (5, 9), generator=generator)
    found = label_nats(chain.moves.double().numpy(), unary.double().numpy(), given.numpy())
    assert found == pytest.approx(chain.nats(unary, given).numpy(), rel=1e-5)


@pytest.mark.parametrize(("temperature", "settled"), [(1.0, -1), (0.5, -1), (1.0, 2)])
def test_labels_are_drawn_as_often_as_they_are_likely(chain: Chain, temperature: float, settled: int) -> None:
    unary = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    every, log_probs = labellings(chain, unary)
    wanted = (log_probs / temperature).exp()
    if settled >= 0:
        wanted = wanted * torch.tensor([labels[1] == settled for labels in every])
    wanted = wanted / wanted.sum()
    rows = 20_000
    given = np.full((rows, 4), UNKNOWN)
    given[:, 1] = settled
    streams = RowStreams(7, range(rows))
    labels = draw_labels(*numbers_of(chain, unary, rows), given, streams, temperature)
    found = np.bincount((labels * [27, 9, 3, 1]).sum(axis=1), minlength=81) / rows
    share = wanted.double().numpy()
    assert (np.abs(found - share) <= 4.5 * np.sqrt(share * (1 - share) / rows) + 1e-9).all()


def test_at_temperature_0_each_label_is_the_likeliest_over_all_labellings(chain: Chain) -> None:
    for seed in range(20):
        unary = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
        every, log_probs = labellings(chain, unary)
        given = np.full((2, 4), UNKNOWN)
        for settled in (UNKNOWN, 1):
            given[:, 2] = settled
            probs = log_probs.exp() * torch.tensor([settled in (UNKNOWN, row[2]) for row in every])
            shares = torch.zeros(4, 3)
            for row, prob in zip(every, probs, strict=True):
                shares[range(4), row] += prob
            labels = draw_labels(*numbers_of(chain, unary, 2), given, RowStreams(seed, range(2)), 0.0)
            assert labels.tolist() == [shares.argmax(dim=1).tolist()] * 2


def test_chords_seen_from_a_tonic_and_back() -> None:
    chords, home = np.tile(np.arange(-1, CHORDS), (12, 1)), np.arange(12)
    assert np.array_equal(absolute(relative(chords, home), home), chords)
    in_g = np.array([[1 + 2 * 7, 2 + 2 * 4, 0, -1]])
    assert relative(in_g, np.array([7])).tolist() == [[1, 20, 0, -1]]
    tensors = torch.from_numpy(chords), torch.from_numpy(home)
    assert relative(*tensors).tolist() == relative(chords, home).tolist()


def test_chords_as_they_are_written() -> None:
    assert chords_of("C Am,G7", 3) == [1, 1, 20, 15, 1, 1]
    assert chords_of("F#m Bb N Cmaj7", 4) == [14, 14, 21, 21, 0, 0, 1, 1]
    for text, words in (("H", "not a chord"), ("", "is empty"), ("C,F,G", "at most 2")):
        with pytest.raises(ConfigError, match=words):
            chords_of(text, 2)


def test_the_chords_asked_for_are_in_the_plan(pianist: Path) -> None:
    checkpoint = load_checkpoint(pianist)
    model = checkpoint.model
    assert isinstance(model, Seq2Seq)
    plans = []
    start = model.start

    def seen(*memory: torch.Tensor) -> object:
        plans.append(Memory(*memory).plan)
        return start(*memory)

    model.start = seen  # type: ignore[method-assign, assignment]
    chords = chords_of("C Am", len(bar_ticks(tune())) - 1)
    accompany(
        machine_of(checkpoint), checkpoint.tokenizer, tune(), Accompaniment(chords=chords), num=2, seed=1
    )
    assert plans[-1][:, :, 0].tolist() == [chords, chords]


def test_the_command_takes_chords(
    pianist: Path, accompanist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_score(tune(), tmp_path / "tune.mid", user_tracks=(0,))
    for name, flags in (("a", []), ("b", ["--chords", "C G,Am"]), ("c", ["--plan-temperature", "2"])):
        out = ["--seed", "1", "--out", str(tmp_path / name)]
        assert main(["accompany", str(pianist), str(tmp_path / "tune.mid"), *out, *flags]) == 0
    first, second = ((tmp_path / name / "001.mid").read_bytes() for name in "ab")
    assert first != second
    capsys.readouterr()
    for path, flags, words in (
        (pianist, ["--chords", "C H"], "which is not a chord"),
        (pianist, ["--plan-temperature", "-1"], "--plan-temperature is -1.0"),
        (accompanist, ["--chords", "C"], "--chords needs a chord planner"),
        (accompanist, ["--plan-temperature", "1"], "--plan-temperature needs a chord planner"),
    ):
        out = ["--out", str(tmp_path / "no"), *flags]
        assert main(["accompany", str(path), str(tmp_path / "tune.mid"), *out]) == 2
        assert words in capsys.readouterr().err
        assert not (tmp_path / "no").exists()


def test_a_prompt_settles_the_beginning_of_the_plan(pianist: Path) -> None:
    checkpoint = load_checkpoint(pianist)
    own = tune()
    own.tracks[0].name = "Bass"
    wanted = Accompaniment(prompt_bars=2)
    for result in accompany(machine_of(checkpoint), checkpoint.tokenizer, tune(), wanted, num=2, prompt=own):
        assert result.score.note_num() >= 3
