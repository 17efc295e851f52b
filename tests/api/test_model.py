"""Models in Python: what the command line writes, byte for byte, from one call."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from symusic import Note, Score, TimeSignature, Track

import musegen
from musegen.api.model import Model
from musegen.cli import main
from musegen.data.dataset import Dataset
from musegen.errors import CheckpointError, ConfigError, DataError, MidiError, MusegenError
from musegen.music.writing.midi import write_score


@pytest.fixture
def here(tmp_path: Path, tunes: Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two tunes of one metre."""
    first = tunes.pieces[0]
    other = next(p for p in tunes.pieces[1:] if p.time_signatures == first.time_signatures)
    write_score(tunes.score(first), tmp_path / "a.mid")
    write_score(tunes.score(other), tmp_path / "b.mid")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lm(trained: Path) -> Model:
    return musegen.load(trained)


@pytest.fixture
def choir_model(accompanist: Path) -> Model:
    return musegen.load(str(accompanist))


@pytest.fixture
def clips(autoencoder: Path) -> Model:
    return musegen.load(autoencoder)


def typed(line: str, checkpoint: Path) -> list[bytes]:
    """The files of a command line, `CKPT` standing for the checkpoint."""
    words = [str(checkpoint) if word == "CKPT" else word for word in shlex.split(line)]
    assert main([*words, "--out", "typed"]) == 0
    return [path.read_bytes() for path in sorted(Path("typed").glob("0*.mid"))]


def test_import_is_light_and_generation_knows_no_lightning(trained: Path) -> None:
    code = (
        "import sys, musegen; light = set(sys.modules); model = musegen.load(sys.argv[1]);"
        "model.generate(bars=1)._repr_html_();"
        "assert light.isdisjoint({'torch', 'symusic', 'numpy', 'rich'}), light;"
        "assert {'pytorch_lightning', 'music21', 'matplotlib', 'tyro'}.isdisjoint(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(trained)], check=True)


def test_models_are_found_by_name(here: Path, trained: Path) -> None:
    shutil.copytree(trained, here / "checkpoints" / "mine")
    assert repr(musegen.load("mine")) == "<model mine, family lm>"
    with pytest.raises(CheckpointError, match="no checkpoint main"):
        musegen.load("main")


@pytest.mark.usefixtures("here")
class TestTheSameBytes:
    def test_generate(self, lm: Model, trained: Path) -> None:
        tune = lm.generate(
            bars=3, seed=5, time_signature="6/8", scale="D dorian", pitch_range="D4:D6", tempo=90, top_p=0.9
        )
        tune.save("tune.mid")
        line = "generate CKPT --bars 3 --seed 5 --time-signature 6/8 --pitch-range D4:D6 --tempo 90"
        [written] = typed(f"{line} --top-p 0.9 --scale 'D dorian'", trained)
        assert Path("tune.mid").read_bytes() == written
        assert (tune.seed, tune.result.bars) == (5, 3)
        assert tune.log_likelihood < 0

    def test_continue(self, lm: Model, trained: Path) -> None:
        tune = lm.generate(bars=2, seed=5, prompt="a.mid")
        [written] = typed("generate CKPT --bars 2 --seed 5 --prompt a.mid", trained)
        assert tune.save("tune.mid").read_bytes() == written

    def test_accompany(self, choir_model: Model, accompanist: Path) -> None:
        music = choir_model.accompany("a.mid", seed=2, pitch_range=["bass=36:60", "36:90"], temperature=0.5)
        line = "accompany CKPT a.mid --seed 2 --pitch-range bass=36:60 36:90 --temperature 0.5 --no-picture"
        [written] = typed(line, accompanist)
        assert music.save("music.mid").read_bytes() == written

    def test_generate_a_clip(self, clips: Model, autoencoder: Path) -> None:
        [written] = typed("generate CKPT --seed 3", autoencoder)
        assert clips.generate(seed=3).save("c.mid").read_bytes() == written

    def test_reconstruct(self, clips: Model, autoencoder: Path) -> None:
        clip = clips.reconstruct("a.mid", from_bar=3, temperature=1.0, seed=7)
        [written] = typed("reconstruct CKPT a.mid --from-bar 3 --temperature 1 --seed 7", autoencoder)
        assert clip.save("c.mid").read_bytes() == written

    def test_interpolate(self, clips: Model, autoencoder: Path) -> None:
        way = clips.interpolate("a.mid", "b.mid", num=4, from_bar=2, seed=7)
        line = "interpolate CKPT a.mid b.mid --num 4 --from-bar 2 --seed 7"
        assert [path.read_bytes() for path in way.save("way")] == typed(line, autoencoder)
        assert [piece.title for piece in way] == ["A", "2", "3", "B"]

    def test_vary(self, clips: Model, autoencoder: Path) -> None:
        found = clips.vary("a.mid", seed=7, amount=0.5, num=2)
        line = "vary CKPT a.mid --seed 7 --amount 0.5 --num 2"
        assert [path.read_bytes() for path in found.save("found")] == typed(line, autoencoder)
        assert len(clips.vary("a.mid")) == 4
        assert len(clips.vary("a.mid", amount=0)) == 1


@pytest.mark.usefixtures("here")
def test_music_is_a_path_a_score_or_a_piece(clips: Model, lm: Model) -> None:
    tune = lm.generate(bars=2, seed=1, time_signature="4/4")
    tune.save("tune.mid")
    before = tune.score.copy()
    ways = ("tune.mid", Path("tune.mid"), tune, tune.score, Score("tune.mid"))
    found = [clips.reconstruct(music, seed=1).result.ids for music in ways]
    assert all(ids == found[0] for ids in found)
    assert tune.score == before
    with pytest.raises(ConfigError, match=r"^None is not music"):
        clips.reconstruct(None)  # type: ignore[arg-type]


@pytest.mark.usefixtures("here")
def test_what_a_model_reads_in_another_place_is_said(
    choir_model: Model, lm: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    """Swung quavers lie on the triplets of notation, but not on a grid of sixteenths."""
    swung, odd = Score(480), Score(480)
    for tune in (swung, odd):
        tune.tracks.append(Track("Tune"))
    swung.tracks[0].notes.extend([Note(480 * (i // 2) + 320 * (i % 2), 160, 60, 80) for i in range(16)])
    odd.time_signatures.extend(
        [TimeSignature(0, 4, 4), TimeSignature(1920, 1, 32), TimeSignature(1980, 4, 4)]
    )
    odd.tracks[0].notes.extend([Note(time, 60, 60, 80) for time in range(0, 3900, 60)])
    choir_model.accompany(swung, seed=1)
    said = capsys.readouterr().err
    assert "warning: 50% of the onsets of the tune are off the model's grid, 4 positions per quarter" in said
    lm.generate(prompt=swung, bars=1, seed=1)
    assert "grid" not in capsys.readouterr().err
    lm.generate(prompt=odd, bars=1, seed=1)
    assert "the prompt has 1 odd bar: the model reads" in capsys.readouterr().err


def test_without_a_seed_one_is_drawn_and_kept(lm: Model) -> None:
    first, second = lm.generate(bars=1), lm.generate(bars=1)
    assert first.seed != second.seed
    assert lm.generate(bars=1, seed=second.seed).result.ids == second.result.ids


def test_another_family_is_one_clear_error(lm: Model, choir_model: Model, clips: Model) -> None:
    for call, advice in (
        (lambda: lm.accompany("a.mid"), "of family lm, not seq2seq: use musegen generate"),
        (lambda: lm.vary("a.mid"), "of family lm, not vae"),
        (lambda: lm.interpolate("a.mid", "b.mid"), "of family lm, not vae"),
        (choir_model.generate, "of family seq2seq, not lm or vae or frames: use musegen accompany"),
        (lambda: choir_model.reconstruct("a.mid"), "of family seq2seq, not vae"),
        (lambda: clips.accompany("a.mid"), "of family vae, not seq2seq"),
    ):
        with pytest.raises(CheckpointError, match=advice):
            call()


@pytest.mark.usefixtures("here")
def test_misuse_is_one_clear_error(lm: Model, choir_model: Model, clips: Model) -> None:
    errors: list[tuple[type[MusegenError], str]] = []
    for call in (
        lambda: lm.generate(bars=0),
        lambda: lm.generate(temperature=-1),
        lambda: lm.generate(time_signature="4/3"),
        lambda: lm.generate(scale="H major"),
        lambda: lm.generate(prompt="none.mid"),
        lambda: lm.generate(prior=True),
        lambda: choir_model.accompany("a.mid", pitch_range="harp=3:4"),
        lambda: clips.generate(bars=9),
        lambda: clips.interpolate("a.mid", "b.mid", num=1),
        lambda: clips.vary("a.mid", amount=2),
        lambda: clips.vary("a.mid", pitch=7),
        lambda: clips.reconstruct("a.mid", from_bar=99),
        lambda: clips.reconstruct(Score()),
    ):
        with pytest.raises(MusegenError) as caught:
            call()
        errors.append((caught.type, str(caught.value)))
    assert [kind for kind, _ in errors[-2:]] == [DataError, MidiError]
    assert errors[0] == (ConfigError, "bars is 0: it must be from 1 to 10000")
    assert all("\n" not in words for _, words in errors)
    with pytest.raises(TypeError, match="temprature"):
        lm.generate(temprature=1)  # type: ignore[call-arg]


def test_a_scale_asked_for_is_had_whole_though_it_is_not_diatonic(lm: Model) -> None:
    pieces = lm.generate(num=4, bars=8, scale="A harmonic minor", diatonic=1.0, seed=1)
    heard = {note.pitch % 12 for piece in pieces for track in piece.score.tracks for note in track.notes}
    assert {5, 8} <= heard <= {9, 11, 0, 2, 4, 5, 8}
