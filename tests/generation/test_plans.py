"""Plans drawn by a planner, and what users settle of them."""

from pathlib import Path

import pytest
import torch

from musegen.checkpoint import load_checkpoint
from musegen.cli import main
from musegen.cli.chords import chords_of
from musegen.errors import ConfigError
from musegen.generation.accompany import Accompaniment, accompany
from musegen.generation.plans import draw_plans
from musegen.generation.sampling import RowStreams
from musegen.models.plan import Heard, Planner, absolute, relative
from musegen.models.seq2seq import Seq2Seq
from musegen.music.ops import bar_ticks
from musegen.music.write import write_score
from musegen.tokenizers.plan import CHORDS, NOTE_COUNTS, UNKNOWN
from tests.generation.test_accompany import tune


@pytest.fixture(scope="module")
def planner() -> Planner:
    torch.manual_seed(3)
    return Planner(width=16).eval()


def heard(spans: int = 12) -> Heard:
    states = torch.randn(1, spans, 16, generator=torch.Generator().manual_seed(1)) * 3
    return Heard(states, torch.tensor([7]), torch.tensor([spans]))


NOTHING = torch.full((12, 2), UNKNOWN)


def test_plans_are_whole_and_do_not_depend_on_how_many_there_are(planner: Planner) -> None:
    eight = draw_plans(planner, heard(), RowStreams(4, range(8)), temperature=1.0, given=NOTHING)
    assert eight.shape == (8, 12, 2)
    assert 0 <= int(eight[..., 0].min()) <= int(eight[..., 0].max()) < CHORDS
    assert 0 <= int(eight[..., 1].min()) <= int(eight[..., 1].max()) < len(NOTE_COUNTS)
    alone = draw_plans(planner, heard(), RowStreams(4, range(5, 6)), temperature=1.0, given=NOTHING)
    assert torch.equal(alone[0], eight[5])
    assert not torch.equal(eight[4], eight[5])


def test_what_is_settled_stays_and_the_rest_follows_it(planner: Planner) -> None:
    given = NOTHING.clone()
    given[:3] = torch.tensor([[1, 4], [20, 2], [0, 0]])
    given[6, 0] = 13
    plans = draw_plans(planner, heard(), RowStreams(4, range(8)), temperature=1.0, given=given)
    settled = given != UNKNOWN
    assert torch.equal(plans[:, settled], given[settled].expand(8, -1))
    free = draw_plans(planner, heard(), RowStreams(4, range(8)), temperature=1.0, given=NOTHING)
    assert not torch.equal(plans[:, 3:6], free[:, 3:6])


def test_at_temperature_0_each_choice_is_the_likeliest(planner: Planner) -> None:
    plan = draw_plans(planner, heard(), RowStreams(4, range(2)), temperature=0.0, given=NOTHING)
    assert torch.equal(plan[0], plan[1])
    with torch.inference_mode():
        chord = notes = torch.zeros(1, dtype=torch.int64)
        for span in range(12):
            chord = planner.chord_logits(heard(), span, chord).argmax(dim=1)
            notes = planner.notes_logits(heard(), span, notes, chord).argmax(dim=1)
            assert plan[0, span].tolist() == [int(absolute(chord, torch.tensor([7]))), int(notes)]


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
    for text, words in (("H", "no chord"), ("", "is empty"), ("C,F,G", "at most 2")):
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
    write_score(tune(), tmp_path / "tune.mid", given=(0,))
    for name, flags in (("a", []), ("b", ["--chords", "C G,Am"]), ("c", ["--plan-temperature", "0"])):
        out = ["--seed", "1", "--out", str(tmp_path / name)]
        assert main(["accompany", str(pianist), str(tmp_path / "tune.mid"), *out, *flags]) == 0
    first, second = ((tmp_path / name / "001.mid").read_bytes() for name in "ab")
    assert first != second
    capsys.readouterr()
    for path, flags, words in (
        (pianist, ["--chords", "C H"], "which is no chord"),
        (pianist, ["--plan-temperature", "-1"], "--plan-temperature is -1.0"),
        (accompanist, ["--chords", "C"], "--chords is for models that plan"),
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
