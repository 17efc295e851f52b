"""`musegen demo`: everything once, small: data, training, four tunes, a page that plays them, the figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from musegen.cli import evaluate, generate, prepare, render
from musegen.cli.parse import Flag, parse
from musegen.config import LMConfig, OptimConfig, SamplingConfig, TrainConfig, TrainerConfig
from musegen.console import say

CORPUS = "ryans-mammoth"
DATASET = Path("datasets") / CORPUS
CHECKPOINT = Path("checkpoints/demo")
OUT = Path("out/demo")
PAGE = OUT / "demo.html"
BARS, NUM, SEED = 16, 4, 5
TRAIN = TrainConfig(
    model=LMConfig(embedding_dim=64, hidden_size=192, num_layers=2, dropout=0.1),
    optim=OptimConfig(lr=8e-3, batch_tokens=8192),
    trainer=TrainerConfig(max_steps=400),
    sampling=SamplingConfig(temperature=0.9, top_p=0.98),
)
"""A fixed number of steps, so that every demo ends alike; about two minutes on two cores."""

CLOSING = """\
done in {minutes:.1f} minutes. What lies where:
  {page}        open it in a browser: the tunes to see and to hear
  {out}/001.mid ...      {num} tunes of {bars} bars; open them in any notation program or DAW
  {out}/001.png ...      their piano rolls
  {checkpoint}/       the model; generation needs this folder and nothing else
  {dataset}/   the tunes it was trained on, checked and split
what to type next:
  musegen generate {checkpoint} --bars 16 --num 4 --time-signature 6/8 --temperature 1.1 --out out/jigs
  musegen prepare my_midis/ --out datasets/mine
  musegen train lm datasets/mine --out checkpoints/mine"""


@dataclass(frozen=True)
class Demo:
    """Train a small model on 1,059 fiddle tunes and have it write four of its own.

    Writes datasets/ryans-mammoth, checkpoints/demo and out/demo below the current folder. What is there
    already is used again; the four tunes are written anew.
    """

    force: Flag = False
    """Train anew, even where checkpoints/demo is there."""


def main(argv: list[str]) -> None:
    """Run the demo; its last lines say what lies where and what to type next."""
    arguments = parse(Demo, argv, prog="musegen demo")
    started = time.monotonic()

    say(f"1/4 the music: {DATASET}")
    if not (DATASET / "dataset.json").exists():
        prepare.main([CORPUS, "--out", str(DATASET)])
    say(f"2/4 a model of it: {CHECKPOINT}")
    if arguments.force or not (CHECKPOINT / "SHA256SUMS").exists():
        _train(force=arguments.force)
    say(f"3/4 {NUM} tunes of {BARS} bars: {OUT}")
    generate.main(
        [str(CHECKPOINT), *f"--bars {BARS} --num {NUM} --seed {SEED} --force --out".split(), str(OUT)]
    )
    tunes = [str(path) for path in sorted(OUT.glob("*.mid"))]
    render.main([*tunes, "--force"])
    render.main([*tunes, "--html", str(PAGE), "--force"])
    say("4/4 how well it predicts tunes that it has not seen")
    evaluate.main([str(CHECKPOINT), str(DATASET)])
    say(
        CLOSING.format(
            minutes=(time.monotonic() - started) / 60,
            page=PAGE,
            out=OUT,
            num=NUM,
            bars=BARS,
            checkpoint=CHECKPOINT,
            dataset=DATASET,
        )
    )


def _train(*, force: bool) -> None:
    from musegen.data.dataset import Dataset
    from musegen.training.train import train

    train(TRAIN, Dataset.open(DATASET), CHECKPOINT, force=force)
