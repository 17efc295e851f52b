"""The commands of `benchmarks.golden`: one a line, in the order in which they run.

`{tiny}` is a training of a few steps; `@FOLDER` before a command is where it works, `!` that it is started
from nothing, as a user starts it. What begins with # is a comment.
"""

TINY = (
    "--data.window 256 --model.embedding-dim 16 --model.hidden-size 32 --optim.batch-tokens 2048 "
    "--trainer.max-steps 4 --trainer.val-check-interval 2 --trainer.accelerator cpu --seed 3"
)

PREPARE = """
! prepare inputs/tunes --out datasets/folk --workers 1
prepare inputs/chorales --out datasets/bach-chorales --workers 1
prepare inputs/songs --out datasets/songs --melody MELODY --workers 1
"""
"""Whatever else is picked, these run first; two bear the names that the released models look for."""

HELP = """
! --help
! --version
help
prepare --help
train --help
train lm --help
train seq2seq --help
train vae --help
generate --help
accompany --help
reconstruct --help
interpolate --help
vary --help
evaluate --help
compare --help
novelty --help
models --help
info --help
render --help
demo --help
"""

DATA = """
prepare inputs/mixed --out datasets/mixed --json --workers 2
prepare inputs/tunes --out datasets/split --split inputs/split.csv --workers 1
prepare inputs/tunes --out datasets/limited --split inputs/split.csv --limit 9 --workers 1
prepare inputs/song.mid --out datasets/one --melody 1 --workers 1
prepare inputs/songs --out datasets/songs --force --melody MELODY --workers 1
! prepare ryans-mammoth --limit 12 --out datasets/ryans --workers 1
prepare bach-chorales --limit 3 --out datasets/bach3 --json --workers 1
info datasets/folk
info datasets/songs datasets/bach-chorales --json
info folk bach-chorales
info inputs/tune.abc
info inputs/song.mid inputs/chorale.krn inputs/chorale.mxl inputs/odd.mid
info inputs/song.mid --json
info inputs/waltz.mid inputs/scale.abc --json
compare datasets/folk datasets/ryans --out out/compare
compare inputs/songs/train inputs/songs/test --json --seed 2
compare datasets/folk inputs/mixed --split train
! render inputs/tune.abc --out out/render
render inputs/chorale.krn inputs/song.mid --musicxml --wav --out out/render-all
render inputs/tune.abc inputs/waltz.mid inputs/bad/text.mid --html out/page.html
render inputs/tune.abc --out out/render
render inputs/tune.abc --out out/render --force --musicxml
novelty inputs/tune.abc inputs/scale.abc --against datasets/folk
novelty inputs/tunes --against datasets/folk --json --min-run 8
"""

RELEASED = """
! models
models --json
info folk
info chorale folk-vae folk-vae-16 --json
! generate folk --seed 1 --bars 8 --num 3 --out out/folk
generate folk --seed 2 --bars 8 --key "E minor" --json --out out/folk-key
generate folk --seed 3 --bars 4 --scale "D dorian" --pitch-range C4:C6 --out out/folk-scale
generate folk --seed 4 --bars 4 --time-signature 6/8 --tempo 90 --program 40 --out out/folk-metre
generate folk --seed 5 --bars 4 --prompt inputs/scale.abc --num 2 --out out/folk-prompt
generate folk --seed 5 --bars 4 --prompt inputs/tune.abc --pitch-range 55:90 --out out/folk-prompt-tune
generate folk --seed 6 --bars 4 --top-k 5 --top-p 0.9 --min-p 0.05 --temperature 1.2 --out out/folk-drawn
generate folk --seed 7 --bars 4 --min-p-new 0.2 --diatonic 1 --num 2 --out out/folk-diatonic
generate folk --seed 8 --bars 4 --precision int8 --out out/folk-int8
generate folk --seed 8 --bars 4 --precision bfloat16 --num 2 --out out/folk-bfloat16
generate folk --seed 9 --bars 4 --temperature 0 --out out/folk-greedy
generate folk --seed 10 --bars 8 --num 2 --max-copy 10 --out out/folk-copy
generate folk --seed 10 --bars 4 --max-copy 12 --against datasets/ryans --json --out out/folk-against
generate folk --seed 11 --bars 2 --out out/folk --force
! evaluate folk --split test --samples 2 --out out/evaluate-folk
evaluate folk datasets/ryans --split valid --samples 2 --seed 2 --json
novelty out/folk --against folk
novelty out/folk/001.mid out/folk-key --against datasets/folk --json
! accompany chorale inputs/chorale.mid --seed 1 --num 2 --out out/chorale
accompany chorale inputs/scale.abc --seed 2 --no-picture --json --out out/chorale-scale
accompany chorale inputs/scale.abc --seed 3 --chords "C G,F C F C G,C F C" --no-picture \
  --out out/chorale-chords
accompany chorale inputs/chorale.krn --melody 1 --seed 4 --prompt-bars 2 --no-picture --out out/chorale-prompt
accompany chorale inputs/scale.abc --seed 5 --pitch-range bass=36:60 alto=C4:C5 \
  --no-picture --out out/chorale-range
accompany chorale inputs/scale.abc --seed 6 --scale "C major" --top-k 4 --temperature 1 --precision int8 \
  --no-picture --out out/chorale-int8
accompany chorale inputs/chorale.mxl --seed 7 --temperature 0 --no-picture --out out/chorale-mxl
evaluate chorale --limit 1 --json --out out/evaluate-chorale
! reconstruct folk-vae inputs/tune.abc --seed 1 --out out/reconstruct
reconstruct folk-vae inputs/song.mid --melody MELODY --from-bar 3 --temperature 1 --seed 2 --json \
  --out out/reconstruct-song
reconstruct folk-vae-16 inputs/tune.abc --seed 1 --json --out out/reconstruct-16
interpolate folk-vae inputs/scale.abc inputs/song.mid --num 5 --seed 1 --out out/interpolate
interpolate folk-vae inputs/scale.abc inputs/scale.abc --from-bar 1 3 --path linear --num 3 --seed 1 \
  --json --out out/interpolate-linear
interpolate folk-vae-16 inputs/tune.abc inputs/other.abc --path spherical --num 3 \
  --seed 1 --out out/interpolate-16
vary folk-vae inputs/scale.abc --num 3 --amount 0.5 --seed 1 --out out/vary
vary folk-vae inputs/scale.abc --density +2 --pitch -5 --seed 1 --json --out out/vary-sliders
vary folk-vae-16 inputs/tune.abc --spread +3 --complexity 0.1 --seed 1 --temperature 0.5 --num 2 \
  --out out/vary-16
generate folk-vae --num 4 --seed 1 --out out/clips
generate folk-vae --num 2 --seed 2 --prior --time-signature 3/4 --scale "G major" --out out/clips-prior
generate folk-vae-16 --num 2 --seed 1 --key "D major" --json --out out/clips-16
evaluate folk-vae --samples 10 --limit 4 --split test --json
evaluate folk-vae-16 --samples 4 --limit 2 --split test --out out/evaluate-clips-16
"""

TRAIN = """
! train lm datasets/folk --out checkpoints/lm {tiny}
train lm datasets/folk --out checkpoints/lm-grid {tiny} --tokenizer grid --tokenizer.positions 12
train lm datasets/songs --out checkpoints/lm-rich {tiny} --model.cell gru --tokenizer remi \
  --tokenizer.programs --tokenizer.velocity --tokenizer.tempo --trainer.precision 32-true
train lm datasets/folk --out checkpoints/lm-rnn {tiny} --model.cell rnn --tokenizer.no-lengths \
  --data.transpose 0 --model.lookback 1 --model.weight-dropout 0.2 --optim.optimizer sgd
train lm datasets/bach-chorales --out checkpoints/lm-choir {tiny} --tokenizer grid --model.num-layers 1
train lm datasets/songs --out checkpoints/lm-melody {tiny} --data.tracks melody --data.no-drums
train lm datasets/folk --out checkpoints/lm-init --init checkpoints/lm --trainer.max-steps 2 \
  --trainer.accelerator cpu
train lm datasets/folk --out checkpoints/lm-config --config inputs/good.json --trainer.max-steps 2 \
  --trainer.accelerator cpu
train --config checkpoints/lm/config.json datasets/folk --out checkpoints/lm-again --trainer.max-steps 2
train lm datasets/folk --out checkpoints/lm-again {tiny} --force --optim.optimizer adagrad \
  --sampling.temperature 0.8
train lm inputs/tunes --out checkpoints/lm-folder {tiny} --trainer.max-steps 1
! train seq2seq datasets/bach-chorales --out checkpoints/choir {tiny}
train seq2seq datasets/songs --out checkpoints/pop {tiny} --melody MELODY --data.accompaniment CHORDS BASS
train seq2seq datasets/songs --out checkpoints/pop-flat {tiny} --encoder.no-plan --encoder.alignment bars \
  --model.cell gru --encoder.reach 1
train seq2seq datasets/bach-chorales --out checkpoints/choir-none {tiny} --encoder.alignment none \
  --encoder.num-layers 2 --tokenizer remi
! train vae datasets/folk --out checkpoints/clips {tiny} --model.latent-dim 16
train vae datasets/folk --out checkpoints/clips-remi {tiny} --tokenizer remi --model.latent-dim 16 \
  --latent.sliders 1 --latent.schedule cyclical
train vae datasets/folk --out checkpoints/clips-grid {tiny} --tokenizer grid --model.latent-dim 16 \
  --model.cell gru --latent.schedule constant
train vae datasets/folk --out checkpoints/clips-8 {tiny} --model.clip-bars 8 --model.latent-dim 16
train vae datasets/folk --out checkpoints/clips-8-flat {tiny} --model.clip-bars 8 \
  --model.no-hierarchical --model.latent-dim 16 --model.cell rnn
train vae datasets/songs --out checkpoints/clips-poly {tiny} --polyphonic --model.latent-dim 16
train vae datasets/bach-chorales --out checkpoints/clips-choir {tiny} --polyphonic --tokenizer grid \
  --model.latent-dim 16 --model.hierarchical
"""

TRAINED = """
info lm lm-grid lm-rich lm-rnn lm-choir lm-melody
info choir pop pop-flat choir-none --json
info clips clips-remi clips-grid clips-8 clips-8-flat clips-poly clips-choir --json
! generate lm --seed 1 --bars 4 --num 2 --out out/lm
generate lm-grid --seed 1 --bars 4 --pitch-range 60:80 --out out/lm-grid
generate lm-rich --seed 1 --bars 4 --prompt inputs/song.mid --out out/lm-rich
generate lm-rich --seed 2 --bars 3 --scale "A minor" --out out/lm-rich-scale
generate lm-rnn --seed 1 --bars 4 --time-signature 4/4 --out out/lm-rnn
generate lm-choir --seed 1 --bars 4 --num 2 --out out/lm-choir
generate lm-melody --seed 1 --bars 4 --prompt inputs/song.mid --out out/lm-melody
generate lm-init --seed 1 --bars 2 --out out/lm-init
accompany choir inputs/scale.abc --seed 1 --no-picture --out out/choir
accompany choir-none inputs/scale.abc --seed 1 --no-picture --out out/choir-none
accompany pop inputs/song.mid --melody MELODY --seed 1 --chords "C Am F G C Am F G C Am F G" \
  --no-picture --out out/pop
accompany pop inputs/scale.abc --seed 2 --plan-temperature 0.8 --no-picture --json --out out/pop-plan
accompany pop-flat inputs/song.mid --melody 1 --prompt-bars 2 --seed 1 --no-picture --out out/pop-flat
reconstruct clips inputs/scale.abc --seed 1 --out out/clips-given
reconstruct clips-grid inputs/scale.abc --seed 1 --out out/clips-grid
reconstruct clips-poly inputs/song.mid --seed 1 --out out/clips-poly
interpolate clips-8 inputs/scale.abc inputs/song.mid --num 3 --seed 1 --out out/clips-8
vary clips-remi inputs/scale.abc --density +1 --seed 1 --out out/clips-remi
vary clips-8-flat inputs/scale.abc --num 2 --seed 1 --out out/clips-8-flat
generate clips-choir --num 2 --seed 1 --out out/clips-choir
evaluate lm --samples 2
evaluate lm-choir --samples 2 --json
evaluate lm-rich datasets/songs --samples 2 --split valid --out out/evaluate-rich
evaluate choir --limit 1 --samples 1
evaluate pop --limit 1 --json
evaluate clips-remi --limit 4 --samples 4 --split valid --json
evaluate clips-poly --limit 4 --samples 4
"""

DEMO = """
@inputs/demo-small prepare ../demo-tunes --out datasets/ryans-mammoth --workers 1
@inputs/demo-small train lm datasets/ryans-mammoth --out checkpoints/demo {tiny}
@inputs/demo-small ! demo
@inputs/demo-broken demo
demo --forc
demo folk
"""
"""What is there already a demo uses again: with a tiny dataset and model it takes seconds."""
