"""Plans drawn by a planner, and what users settle of them."""

import itertools
from pathlib import Path

import pytest
import torch

from musegen.api.text import chords_of
from musegen.checkpoint.folder import load_checkpoint
from musegen.cli import main
from musegen.errors import ConfigError
from musegen.generation.accompany import Accompaniment, accompany
from musegen.generation.plans import draw_labels, draw_plans
from musegen.generation.sampling import RowStreams
from musegen.models.chord_planner import Chain, EncodedMelody, Planner, absolute, relative
from musegen.models.seq2seq import Seq2Seq
from musegen.music.metre import bar_ticks
from musegen.music.writing.midi import write_score
from musegen.tokenizers.chord_plan import CHORDS, NOTE_COUNTS, UNKNOWN
from tests.generation.test_accompany import tune


@pytest.fixture(scope="module")
def planner() -> Planner:
    torch.manual_seed(3)
    made = Planner(width=16)
    for chain in (made.chords, made.note_counts):  # fresh ones let any label follow any other
        torch.nn.init.normal_(chain.moves)
    return made.eval()


def heard(spans: int = 12) -> EncodedMelody:
    states = torch.randn(1, spans, 16, generator=torch.Generator().manual_seed(1)) * 3
    return EncodedMelody(states, torch.tensor([7]), torch.tensor([spans]))


NOTHING = torch.full((12, 2), UNKNOWN)


def test_plans_are_whole_and_do_not_depend_on_how_many_there_are(planner: Planner) -> None:
    eight = draw_plans(planner, heard(), RowStreams(4, range(8)), temperature=1.0, fixed=NOTHING)
    assert eight.shape == (8, 12, 2)
    assert 0 <= int(eight[..., 0].min()) <= int(eight[..., 0].max()) < CHORDS
    assert 0 <= int(eight[..., 1].min()) <= int(eight[..., 1].max()) < len(NOTE_COUNTS)
    alone = draw_plans(planner, heard(), RowStreams(4, range(5, 6)), temperature=1.0, fixed=NOTHING)
    assert torch.equal(alone[0], eight[5])
    assert not torch.equal(eight[4], eight[5])


def test_what_is_settled_stays_and_the_rest_follows_it(planner: Planner) -> None:
    given = NOTHING.clone()
    given[:3] = torch.tensor([[1, 4], [20, 2], [0, 0]])
    given[6, 0] = 13
    plans = draw_plans(planner, heard(), RowStreams(4, range(8)), temperature=1.0, fixed=given)
    settled = given != UNKNOWN
    assert torch.equal(plans[:, settled], given[settled].expand(8, -1))
    free = draw_plans(planner, heard(), RowStreams(4, range(8)), temperature=1.0, fixed=NOTHING)
    assert not torch.equal(plans[:, 3:6], free[:, 3:6])


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


@pytest.mark.parametrize(("temperature", "settled"), [(1.0, -1), (0.5, -1), (1.0, 2)])
def test_labels_are_drawn_as_often_as_they_are_likely(chain: Chain, temperature: float, settled: int) -> None:
    unary = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    every, log_probs = labellings(chain, unary)
    wanted = (log_probs / temperature).exp()
    if settled >= 0:
        wanted = wanted * torch.tensor([labels[1] == settled for labels in every])
    wanted = wanted / wanted.sum()
    rows = 20_000
    given = torch.full((rows, 4), UNKNOWN)
    given[:, 1] = settled
    streams = RowStreams(7, range(rows))
    drawn = draw_labels(chain, unary.expand(rows, -1, -1), given, streams, temperature)
    numbers = (drawn * torch.tensor([27, 9, 3, 1])).sum(dim=1)
    found = torch.bincount(numbers, minlength=81) / rows
    assert bool(((found - wanted).abs() <= 4.5 * (wanted * (1 - wanted) / rows).sqrt() + 1e-9).all())


def test_at_temperature_0_each_label_is_the_likeliest_over_all_labellings(chain: Chain) -> None:
    for seed in range(20):
        unary = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
        every, log_probs = labellings(chain, unary)
        given = torch.full((2, 4), UNKNOWN)
        for settled in (UNKNOWN, 1):
            given[:, 2] = settled
            probs = log_probs.exp() * torch.tensor([settled in (UNKNOWN, row[2]) for row in every])
            shares = torch.zeros(4, 3)
            for row, prob in zip(every, probs, strict=True):
                shares[range(4), row] += prob
            drawn = draw_labels(chain, unary.expand(2, -1, -1), given, RowStreams(seed, range(2)), 0.0)
            assert drawn.tolist() == [shares.argmax(dim=1).tolist()] * 2


def test_chords_seen_from_a_tonic_and_back() -> None:
    chords = torch.arange(-1, CHORDS).expand(12, -1)
    home = torch.arange(12)
    assert torch.equal(absolute(relative(chords, home), home), chords)
    assert relative(torch.tensor([[1 + 2 * 7, 2 + 2 * 4, 0, -1]]), torch.tensor([7])).tolist() == [
        [1, 20, 0, -1]
    ]


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
    assert model.planner is not None
    plans = []
    init_state = model.init_state

    def seen(source_ids: torch.Tensor, plan: torch.Tensor | None = None) -> object:
        plans.append(plan)
        return init_state(source_ids, plan)

    model.init_state = seen  # type: ignore[method-assign, assignment]
    chords = chords_of("C Am", len(bar_ticks(tune())) - 1)
    accompany(model, checkpoint.tokenizer, tune(), Accompaniment(chords=chords), num=2, seed=1)
    assert plans[-1] is not None
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
    assert isinstance(checkpoint.model, Seq2Seq)
    own = tune()
    own.tracks[0].name = "Bass"
    wanted = Accompaniment(prompt_bars=2)
    for result in accompany(checkpoint.model, checkpoint.tokenizer, tune(), wanted, num=2, prompt=own):
        assert result.score.note_num() >= 3
