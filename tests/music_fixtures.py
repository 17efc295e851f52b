"""Real music for tests: tunes of music21's own corpus, and a small dataset and model made of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from musegen.config.autoencoder import VAEConfig, VAETrainConfig
from musegen.config.classifier import ClassifierConfig, ClassifierTrainConfig
from musegen.config.settings import DataConfig, LMConfig, Seq2SeqTrainConfig, TokenizerConfig, TrainConfig
from musegen.config.trainer import OptimConfig, TrainerConfig
from musegen.data.dataset import Dataset
from musegen.data.prepare import prepare
from musegen.music.writing.midi import write_score
from musegen.tokenizers import GridTokenizer, Part, RemiTokenizer
from musegen.training.train import train

TINY = TrainConfig(
    data=DataConfig(window=256),
    model=LMConfig(embedding_dim=16, hidden_size=32, num_layers=2, dropout=0.1),
    optim=OptimConfig(batch_tokens=2048, lr=5e-3),
    trainer=TrainerConfig(
        max_steps=12, val_check_interval=6, accelerator="cpu", devices="1", precision="32-true"
    ),
)


@pytest.fixture(scope="session")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two dozen fiddle tunes in several metres."""
    split = Path(__file__).with_name("tunes.csv")  # several pieces in each
    out = tmp_path_factory.mktemp("datasets") / "tunes"
    return prepare("ryans-mammoth", out, limit=24, split=split, workers=1)


@pytest.fixture(scope="session")
def chorales(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Chorales of Bach in four voices."""
    return prepare("bach-chorales", tmp_path_factory.mktemp("datasets") / "chorales", limit=6, workers=1)


@pytest.fixture(scope="session")
def line() -> GridTokenizer:
    """A grid of one voice, 24 positions a quarter."""
    config = TokenizerConfig(kind="grid", positions=24)
    return GridTokenizer.build(config, time_signatures=[])


@pytest.fixture(scope="session")
def choir() -> GridTokenizer:
    """A grid of four voices on sixteenths."""
    parts = [Part("Soprano", 0), Part("Alto", 0), Part("Tenor", 0), Part("Bass", 0)]
    return GridTokenizer.build(TokenizerConfig(kind="grid"), time_signatures=[], parts=parts)


@pytest.fixture(scope="session")
def plain() -> RemiTokenizer:
    """One line of notes, no programs."""
    return RemiTokenizer.build(TokenizerConfig(), time_signatures=[], programs=[])


@pytest.fixture(scope="session")
def told() -> RemiTokenizer:
    """One line of notes, the length of the piece told at its start."""
    return RemiTokenizer.build(TokenizerConfig(lengths=True), time_signatures=[], programs=[])


@pytest.fixture(scope="session")
def rich() -> RemiTokenizer:
    """Programs, drums, velocity and tempo."""
    config = TokenizerConfig(programs=True, velocity=True, tempo=True)
    return RemiTokenizer.build(config, time_signatures=[], programs=[])


@pytest.fixture(scope="session")
def trained(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny checkpoint, really trained on `tunes`."""
    return train(TINY, tunes, tmp_path_factory.mktemp("checkpoints") / "tiny", say=lambda _: None)


@pytest.fixture(scope="session")
def accompanist(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny accompanist, really trained on `chorales`: soprano given, the rest wanted."""
    config = Seq2SeqTrainConfig(data=TINY.data, model=TINY.model, optim=TINY.optim, trainer=TINY.trainer)
    return train(config, chorales, tmp_path_factory.mktemp("checkpoints") / "choir", say=lambda _: None)


@pytest.fixture(scope="session")
def pianist(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the rest written as events, which makes plans."""
    config = Seq2SeqTrainConfig(
        data=TINY.data,
        tokenizer=TokenizerConfig(kind="remi"),
        model=TINY.model,
        optim=TINY.optim,
        trainer=TINY.trainer,
    )
    return train(config, chorales, tmp_path_factory.mktemp("checkpoints") / "piano", say=lambda _: None)


@pytest.fixture(scope="session")
def filler(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model on a grid, really trained on `chorales` with holes."""
    data = replace(TINY.data, holes="cells")
    config = Seq2SeqTrainConfig(data=data, model=TINY.model, optim=TINY.optim, trainer=TINY.trainer)
    return train(config, chorales, tmp_path_factory.mktemp("checkpoints") / "hymns", say=lambda _: None)


@pytest.fixture(scope="session")
def gapper(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model of one line, really trained on `tunes` with missing bars."""
    data = replace(TINY.data, holes="bars")
    config = Seq2SeqTrainConfig(data=data, model=TINY.model, optim=TINY.optim, trainer=TINY.trainer)
    return train(config, tunes, tmp_path_factory.mktemp("checkpoints") / "gapper", say=lambda _: None)


@pytest.fixture(scope="session")
def band(chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with events."""
    config = Seq2SeqTrainConfig(
        data=replace(TINY.data, holes="cells"),
        tokenizer=TokenizerConfig(kind="remi"),
        model=TINY.model,
        optim=TINY.optim,
        trainer=TINY.trainer,
    )
    return train(config, chorales, tmp_path_factory.mktemp("checkpoints") / "band", say=lambda _: None)


@pytest.fixture(scope="session")
def autoencoder(tunes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model of clips of two bars, really trained on `tunes`."""
    model = VAEConfig(embedding_dim=16, hidden_size=32, latent_dim=16, clip_bars=2)
    config = VAETrainConfig(model=model, optim=TINY.optim, trainer=TINY.trainer)
    return train(config, tunes, tmp_path_factory.mktemp("checkpoints") / "clips", say=lambda _: None)


@pytest.fixture(scope="session")
def corpora(tunes: Dataset, chorales: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of folders: twelve fiddle tunes, six chorales."""
    folder = tmp_path_factory.mktemp("music") / "corpora"
    for name, dataset in (("fiddle", tunes), ("bach", chorales)):
        for number, piece in enumerate(dataset.pieces[:12]):
            write_score(dataset.score(piece), folder / name / f"{number}.mid")
    return folder


@pytest.fixture(scope="session")
def two_kinds(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The same as a dataset with labels, some of each kind in each split."""
    split = tmp_path_factory.mktemp("split") / "split.csv"
    parts = dict.fromkeys(range(12), "train") | {0: "valid", 1: "test"}
    files = [(path, int(path.stem)) for path in sorted(corpora.glob("*/*.mid"))]
    lines = [f"{path.relative_to(corpora).as_posix()},{parts[number]}\n" for path, number in files]
    split.write_text("".join(lines))
    out = tmp_path_factory.mktemp("datasets") / "two-kinds"
    return prepare(str(corpora), out, split=split, labels="folders", workers=1)


SMALL = ClassifierTrainConfig(
    data=DataConfig(window=256),
    model=ClassifierConfig(encoder="mlp", hidden_size=16),
    optim=OptimConfig(batch_tokens=2048, lr=1e-2),
    trainer=TINY.trainer,
)


@pytest.fixture(scope="session")
def labeller(two_kinds: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny classifier, really trained on `two_kinds`."""
    return train(SMALL, two_kinds, tmp_path_factory.mktemp("checkpoints") / "who", say=lambda _: None)


STYLES = replace(
    TINY,
    data=replace(TINY.data, labels="folders"),
    optim=replace(TINY.optim, lr=1e-2),
    trainer=replace(TINY.trainer, max_steps=120, val_check_interval=40),
)


@pytest.fixture(scope="session")
def styles(two_kinds: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny language model that knows labels, really trained on `two_kinds`."""
    return train(STYLES, two_kinds, tmp_path_factory.mktemp("checkpoints") / "styles", say=lambda _: None)
