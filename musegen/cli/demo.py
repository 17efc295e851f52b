"""`musegen demo`: train a small model, try the bundled models, and play the results on a page."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musegen.api.inputs import read_music
from musegen.cli import evaluate, generate, prepare, render
from musegen.cli.parse import Flag, parse
from musegen.cli.repertoire import play_repertoire
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TrainConfig
from musegen.config.trainer import OptimConfig, TrainerConfig
from musegen.console import say

if TYPE_CHECKING:
    from symusic import Score

CORPUS = "ryans-mammoth"
DATASET = Path("datasets") / CORPUS
CHECKPOINT = Path("checkpoints/demo")
OUT = Path("out/demo")
PAGE = OUT / "demo.html"
BARS, NUM, SEED = 16, 4, 5
SAMPLES = 20
"""Number of pieces compared with real ones: few, to be quick."""
TRAIN = TrainConfig(
    model=LMConfig(embedding_dim=64, hidden_size=192, num_layers=2, dropout=0.1),
    optim=OptimConfig(lr=8e-3, batch_tokens=8192),
    trainer=TrainerConfig(max_steps=250, val_check_interval=50),
    sampling=SamplingOptions(temperature=0.9, top_p=0.98),
)
"""A fixed number of steps, so that every demo gives the same model; a minute or two on two free cores."""

CLOSING = f"""\
done in {{minutes:.1f}} minutes. The results:
  {PAGE}        open it in a browser: {{num_pieces}} pieces with piano rolls and playback
  {OUT}/001.mid ...      {NUM} tunes of {BARS} bars; open them in any notation program or DAW
  {OUT}/001.png ...      their piano rolls
  {OUT}/1-folk/ ...      pieces of the bundled models (musegen models)
  {CHECKPOINT}/       the model; generation needs this folder and nothing else
  {DATASET}/   the training tunes, checked and split
next steps:
  musegen generate {CHECKPOINT} --bars 16 --num 4 --time-signature 6/8 --temperature 1.1 --out out/jigs
  musegen prepare my_midis/ --out datasets/mine
  musegen train lm datasets/mine --out checkpoints/mine"""


@dataclass(frozen=True)
class Demo:
    """Train a small model on fiddle tunes, generate four tunes, and try the bundled models.

    Writes datasets/ryans-mammoth, checkpoints/demo and out/demo in the current folder. An existing dataset
    and checkpoint are reused; the music is generated again.
    """

    force: Flag = False
    """Train again, even if checkpoints/demo exists."""


def main(argv: list[str]) -> None:
    """Run the demo; its last lines list the results and next steps."""
    arguments = parse(Demo, argv, prog="musegen demo")
    started = time.monotonic()

    from musegen.data.dataset import Dataset
    from musegen.display.page import write_page

    say(f"1/5 dataset: {DATASET}")
    if not (DATASET / "dataset.json").exists():
        prepare.main([CORPUS, "--out", str(DATASET)])
    say(f"2/5 model: {CHECKPOINT}")
    if arguments.force or not (CHECKPOINT / "SHA256SUMS").exists():
        _train(force=arguments.force)
    say(f"3/5 {NUM} tunes of {BARS} bars: {OUT}")
    pieces = _tunes()
    say("4/5 pieces of the bundled models")
    pieces += play_repertoire(Dataset.open(DATASET), OUT)
    write_page(pieces, PAGE, title="musegen demo")
    say("5/5 evaluation: how well the model of step 2 predicts held-out tunes")
    evaluate.main([str(CHECKPOINT), str(DATASET), "--samples", str(SAMPLES)])
    say(CLOSING.format(minutes=(time.monotonic() - started) / 60, num_pieces=len(pieces)))


def _tunes() -> list[tuple[str, Score]]:
    """Generate tunes with the small model, and render them; each with its title on the page."""
    arguments = f"{CHECKPOINT} --bars {BARS} --num {NUM} --seed {SEED}"
    generate.main([*arguments.split(), "--force", "--out", str(OUT)])
    paths = sorted(OUT.glob("*.mid"))
    render.main([*map(str, paths), "--force"])
    return [
        (f"Tune {number} of the model trained here: musegen generate {arguments}", read_music(path))
        for number, path in enumerate(paths, start=1)
    ]


def _train(*, force: bool) -> None:
    from musegen.data.dataset import Dataset
    from musegen.training.train import train

    train(TRAIN, Dataset.open(DATASET), CHECKPOINT, force=force)
