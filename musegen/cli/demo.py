"""`musegen demo`: all of it once, small, and the released models; a page that plays what was written."""

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
from musegen.config.settings import LMConfig, OptimConfig, TrainConfig, TrainerConfig
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
"""Pieces held against real ones: few, to be done soon."""
TRAIN = TrainConfig(
    model=LMConfig(embedding_dim=64, hidden_size=192, num_layers=2, dropout=0.1),
    optim=OptimConfig(lr=8e-3, batch_tokens=8192),
    trainer=TrainerConfig(max_steps=250, val_check_interval=50),
    sampling=SamplingOptions(temperature=0.9, top_p=0.98),
)
"""A fixed number of steps, so that every demo ends alike; a minute or two on two free cores."""

CLOSING = """\
done in {minutes:.1f} minutes. What lies where:
  {page}        open it in a browser: {heard} pieces to see and to hear, and who wrote each
  {out}/001.mid ...      {num} tunes of {bars} bars; open them in any notation program or DAW
  {out}/001.png ...      their piano rolls
  {out}/1-folk/ ...      what the models that come with musegen wrote (musegen models)
  {checkpoint}/       the model; generation needs this folder and nothing else
  {dataset}/   the tunes it was trained on, checked and split
what to type next:
  musegen generate {checkpoint} --bars 16 --num 4 --time-signature 6/8 --temperature 1.1 --out out/jigs
  musegen prepare my_midis/ --out datasets/mine
  musegen train lm datasets/mine --out checkpoints/mine"""


@dataclass(frozen=True)
class Demo:
    """Train a small model on 1,059 fiddle tunes and have it write four; hear the released models.

    Writes datasets/ryans-mammoth, checkpoints/demo and out/demo below the current folder. What is there
    already is used again; the music is written anew.
    """

    force: Flag = False
    """Train anew, even where checkpoints/demo is there."""


def main(argv: list[str]) -> None:
    """Run the demo; its last lines say what lies where and what to type next."""
    arguments = parse(Demo, argv, prog="musegen demo")
    started = time.monotonic()

    from musegen.data.dataset import Dataset
    from musegen.display.page import write_page

    say(f"1/5 the music: {DATASET}")
    if not (DATASET / "dataset.json").exists():
        prepare.main([CORPUS, "--out", str(DATASET)])
    say(f"2/5 a model of it: {CHECKPOINT}")
    if arguments.force or not (CHECKPOINT / "SHA256SUMS").exists():
        _train(force=arguments.force)
    say(f"3/5 {NUM} tunes of {BARS} bars: {OUT}")
    pieces = _tunes()
    say("4/5 the models that come with musegen")
    pieces += play_repertoire(Dataset.open(DATASET), OUT)
    write_page(pieces, PAGE, title="musegen demo")
    say("5/5 how well the model of step 2 predicts tunes that it has not seen")
    evaluate.main([str(CHECKPOINT), str(DATASET), "--samples", str(SAMPLES)])
    say(
        CLOSING.format(
            minutes=(time.monotonic() - started) / 60,
            page=PAGE,
            heard=len(pieces),
            out=OUT,
            num=NUM,
            bars=BARS,
            checkpoint=CHECKPOINT,
            dataset=DATASET,
        )
    )


def _tunes() -> list[tuple[str, Score]]:
    """Have the small model write its tunes, with their pictures; each with the title of the page."""
    asked = f"{CHECKPOINT} --bars {BARS} --num {NUM} --seed {SEED}"
    generate.main([*asked.split(), "--force", "--out", str(OUT)])
    paths = sorted(OUT.glob("*.mid"))
    render.main([*map(str, paths), "--force"])
    return [
        (f"Tune {number} of the model trained here: musegen generate {asked}", read_music("FILE", path))
        for number, path in enumerate(paths, start=1)
    ]


def _train(*, force: bool) -> None:
    from musegen.data.dataset import Dataset
    from musegen.training.train import train

    train(TRAIN, Dataset.open(DATASET), CHECKPOINT, force=force)
