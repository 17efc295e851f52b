"""Misuse of the command line, for `benchmarks.golden`: as in `benchmarks.golden_commands`."""

MISUSE = """
! generat
--verison
frobnicate
train ml data --out c
train lm
train lm data --out c --hidden-size 3
train lm data --out c --model.hidden-size big
train lm data --out c --model.hidden-size 0
train lm data --out c --steps 3
train lm data --out c --model.lookback 1 x --seed 2
train lm data --out c --model.lookback 1 0
train lm data --out c --seed 4294967296
train lm data --out c --trainer.precision float
train lm data --out c --trainer.devices 0
train lm data --out c --trainer.accelerator npu
train lm data --out c --trainer.limit-val-batches 0
train lm data --out c --model.cell elman
train lm data --out c --optim.lr nan
train lm data --out c --data.window 3
train lm data --out c --tokenizer line
train lm data --out c --tokenizer grid --tokenizer.velocity
train lm data --out c --tokenizer remi --tokenizer.positions 4
train lm data --out c --tokenizer.positions 5 --tokenizer grid
train lm data --out c --tokenizer octuple
train seq2seq data --out c --tokenizer.lengths
train seq2seq data --out c --encoder.reach 17
train vae data --out c --latent.sliders 1 --polyphonic
train vae data --out c --tokenizer line --polyphonic
train vae data --out c --model.latent-dim 2
train vae data --out c --latent.schedule slow
train lm nowhere --out c
train lm ryans-mamoth --out c
! train lm datasets/folk --out checkpoints/lm
train lm datasets/folk --out checkpoints/none --resume
train lm datasets/folk --out checkpoints/lm --resume
train lm datasets/folk --out checkpoints/lm --resume --force
train lm datasets/folk --out inputs/tune.abc
train lm datasets/folk --out c --init none
train lm datasets/folk --out c --init clips --trainer.max-steps 1
train lm inputs/bad --out c
train lm datasets/one --out c --trainer.max-steps 1
train seq2seq datasets/folk --out c --trainer.max-steps 1
train seq2seq datasets/songs --out c --melody FLUTE --trainer.max-steps 1
train vae datasets/folk --out c --model.clip-bars 64 --trainer.max-steps 1
train lm datasets/folk --out c --config none.json
train lm datasets/folk --out c --config inputs
train lm datasets/folk --out c --config inputs/not-json.json
train lm datasets/folk --out c --config inputs/list.json
train lm datasets/folk --out c --config inputs/misspelt.json
train lm datasets/folk --out c --config inputs/group.json
train lm datasets/folk --out c --config inputs/kind.json
train lm datasets/folk --out c --config inputs/range.json
train lm datasets/folk --out c --config inputs/vae.json
prepare
prepare nowhere --out d
prepare nowhere --out d --split none.csv
prepare nowhere --out d --melody ''
prepare inputs/tunes --out d --split inputs/bad-split.csv
prepare inputs/tunes --out d --workers 0
prepare inputs/tunes --out datasets/folk
prepare inputs/bad --out d
prepare inputs/bad/picture.xyz --out d
prepare inputs/songs --out d --melody FLUTE --workers 1
generate --out o
generate x
generate x --out o
generate folkk --out o
generate x --out o --temprature 1
generate x y --out o
generate x --out o --bars
generate x --out o --bars 0
generate x --out o --num -1
generate x --out o --temperature -0.1
generate x --out o --temperature inf
generate x --out o --top-k 0
generate x --out o --top_p 1.5
generate x --out o --min-p 2
generate x --out o --diatonic 2
generate x --out o --precision half
generate x --out o --seed -1
generate x --out o --tempo 0
generate x --out o --program 128
generate x --out o --time-signature 4/3
generate x --out o --pitch-range 80:60
generate x --out o --pitch-range high
generate x --out o --scale 'H major'
generate x --out o --scale 'D doran'
generate x --out o --key 'D blues'
generate x --out o --key 'D major' --scale 'D major'
generate x --out o --scale 'D major' --pitch-range 63:63
generate x --out o --prompt none.mid
generate x --out o --prompt inputs/bad/text.mid
generate folk --out o --prompt inputs
generate folk --out o --prompt inputs/odd.mid --bars 2 --seed 1
generate folk --out o --time-signature 63/64
generate folk --out o --key 'D major' --prompt inputs/tune.abc
generate folk --out o --prior
generate folk --out o --against datasets/folk
generate folk --out o --max-copy 1 --bars 8 --seed 1
generate folk --out o --max-copy 12 --against nowhere
generate folk --out out/folk
generate folk --out inputs/tune.abc
generate datasets/folk --out o
generate inputs/tune.abc --out o
generate chorale --out o
generate folk-vae --out o --bars 5
generate folk-vae --out o --prompt inputs/tune.abc
generate checkpoints/damaged-weights --out o
generate checkpoints/damaged-config --out o
generate checkpoints/damaged-tokenizer --out o
generate checkpoints/without-data --out o
accompany folk inputs/tune.abc --out o
accompany chorale none.mid --out o
accompany chorale inputs/bad/cut.mid --out o --seed 1 --no-picture
accompany chorale inputs/bad/header.mid --out o
accompany chorale inputs/scale.abc --out o --chords "C X"
accompany chorale inputs/scale.abc --out o --chords "C" --seed 1
accompany chorale inputs/scale.abc --out o --melody 5
accompany chorale inputs/scale.abc --out o --prompt-bars 2
accompany chorale inputs/scale.abc --out o --prompt-bars -1
accompany chorale inputs/scale.abc --out o --pitch-range flute=36:60
accompany chorale inputs/scale.abc --out o --plan-temperature 1
accompany chorale inputs/odd.mid --melody 1 --out o --seed 1
reconstruct folk inputs/tune.abc --out o
reconstruct folk-vae inputs/tune.abc --out o --from-bar 0
reconstruct folk-vae inputs/tune.abc --out o --from-bar 900
reconstruct folk-vae inputs/odd.mid --out o
reconstruct folk-vae inputs/short.mid --out o --seed 1
reconstruct folk-vae inputs/song.mid --melody FLUTE --out o
interpolate folk-vae inputs/tune.abc --out o
interpolate folk-vae inputs/scale.abc inputs/waltz.mid --out o
interpolate folk-vae inputs/scale.abc inputs/song.mid --num 1 --out o
interpolate folk-vae inputs/scale.abc inputs/song.mid --from-bar 1 2 3 --out o
interpolate folk-vae inputs/scale.abc inputs/song.mid --path curved --out o
vary chorale inputs/tune.abc --out o
vary folk-vae inputs/tune.abc --amount 2 --out o
vary folk-vae inputs/tune.abc --density 2000 --out o
vary clips-poly inputs/song.mid --density 2 --out o
evaluate x
evaluate folk --split tset
evaluate folk datasets/nowhere
evaluate folk --samples 1
evaluate folk --limit 0
evaluate lm-folder datasets/one --split valid
evaluate checkpoints/damaged-weights
compare datasets/folk
compare datasets/folk nowhere
compare inputs/tune.abc inputs/bad
compare datasets/folk datasets/ryans --out out/compare
novelty --against datasets/folk
novelty inputs/tune.abc
novelty inputs/tune.abc --against nowhere
novelty inputs/bad --against datasets/folk
novelty inputs/tune.abc --against datasets/folk --min-run 1
models folk
info
info nothing
info inputs
info inputs/bad/text.mid inputs/bad/empty.mid
info inputs/bad/noise.mid
info inputs/bad/words.abc inputs/bad/broken.musicxml
info checkpoints/damaged-config
info checkpoints/without-data
render
render none.mid
render inputs/bad/text.mid
render inputs/tune.abc --out out/render
render inputs/tune.abc --html out/page.html
render inputs/tune.abc --html out/page.txt
render inputs/tune.abc --html out/page2.html --wav
"""
