"""The Python rows of `benchmarks.golden`: what `musegen.load` and `musegen.read` give, and what they refuse.

Each is a program of its own. `tell` prints what a call gives, or what the error says that it raises.
"""

PRELUDE = """
import shutil
from pathlib import Path
import musegen

def tell(what, call):
    try:
        print(f"{what}: {call()!r}")
    except musegen.MusegenError as error:
        print(f"{what}: {type(error).__name__}: {error}")

def facts(what, piece):
    print(what, repr(piece), piece.title, piece.seed, piece.score.note_num())
    print(piece.log_likelihood, piece.strayed)
"""

SETUP_ROWS = {
    "damage checkpoints": """
for name in ("weights", "config", "tokenizer"):
    shutil.copytree("checkpoints/lm", f"checkpoints/damaged-{name}")
weights = Path("checkpoints/damaged-weights/model.safetensors")
data = bytearray(weights.read_bytes())
data[-100] ^= 1
weights.write_bytes(data)
Path("checkpoints/damaged-config/config.json").write_text("{")
Path("checkpoints/damaged-tokenizer/tokenizer.json").write_text("{}")
shutil.copytree("checkpoints/lm", "checkpoints/without-data")
Path("checkpoints/without-data/data.json").unlink()
""",
    "a training run that is stopped": """
import os, re, runpy, signal, sys

class Stopper:  # Ctrl-C as soon as the second of four steps is said to be done
    def __init__(self, stream):
        self.stream = stream
    def write(self, text):
        done = self.stream.write(text)
        if re.search(r"\\b2/4\\b", text):
            os.kill(os.getpid(), signal.SIGINT)
        return done
    def __getattr__(self, name):
        return getattr(self.stream, name)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.stderr = Stopper(sys.stderr)
sys.argv = ["musegen", *"train lm datasets/folk --out checkpoints/stopped {tiny}".split()]
runpy.run_module("musegen", run_name="__main__", alter_sys=True)
""",
}
"""Rows that make what others need: {tiny} as in the commands. Between them and misuse stands RESUME."""

RESUME = """
info checkpoints/stopped
train lm datasets/folk --out checkpoints/stopped {tiny} --resume --model.hidden-size 33
train lm datasets/folk --out checkpoints/stopped {tiny} --resume
generate stopped --seed 1 --bars 2 --out out/stopped
"""

PYTHON = {
    "what there is": """
print(sorted(name for name in musegen.__all__), musegen.__version__)
for name in musegen.__all__:
    print(name, (getattr(musegen, name).__doc__ or "").splitlines()[0])
for kind in (musegen.Model, musegen.Piece, musegen.Pieces):
    print(kind.__name__, sorted(name for name in vars(kind) if not name.startswith("_")))
try:
    musegen.nothing
except AttributeError as error:
    print(error)
""",
    "generate": """
model = musegen.load("folk")
print(repr(model), model.name, model.family)
piece = model.generate(bars=4, seed=1)
facts("one", piece)
piece.save("out/py-generate.mid")
pieces = model.generate(num=3, bars=4, seed=2, key="G major", temperature=0.9, top_k=20)
print(repr(pieces), len(pieces))
pieces.save("out/py-generate")
more = model.generate(prompt=piece, bars=2, seed=3, tempo=80, scale="D dorian", pitch_range="50:90")
facts("more", more)
more.save("out/py-more.mid")
facts("prompt", model.generate(prompt="inputs/scale.abc", bars=2, seed=3, min_p=0.1, precision="int8"))
facts("metre", model.generate(bars=2, seed=4, time_signature="3/4", diatonic=1.0, top_p=0.8, min_p_new=0.1))
""",
    "accompany": """
model = musegen.load("chorale")
tune = musegen.read("inputs/scale.abc")
facts("tune", tune)
piece = model.accompany(tune, seed=1)
facts("piece", piece)
piece.save("out/py-accompany.mid")
several = model.accompany("inputs/chorale.mid", num=2, seed=2, pitch_range=("bass=36:60", "C2:C6"))
several.save("out/py-accompany")
facts("score", model.accompany(tune.score, seed=3, num=1)[0])
facts("kept", model.accompany("inputs/chorale.krn", melody="1", prompt_bars=2, seed=4, temperature=0))
""",
    "clips": """
model = musegen.load("folk-vae")
given = model.reconstruct("inputs/scale.abc", from_bar=2, seed=1)
facts("given", given)
given.save("out/py-given.mid")
way = model.interpolate("inputs/scale.abc", "inputs/song.mid", num=4, melody="1", path="linear", seed=1)
print(repr(way))
way.save("out/py-way")
print(repr(model.interpolate("inputs/scale.abc", given, num=3, from_bar=(1, 1), seed=1, temperature=0.5)))
varied = model.vary("inputs/scale.abc", num=2, amount=0.4, seed=1)
print(repr(varied))
varied.save("out/py-varied")
print(repr(model.vary("inputs/scale.abc", density=2.0, spread=3, complexity=0.1, pitch=-2, seed=1)))
drawn = model.generate(num=2, seed=5, prior=True)
drawn.save("out/py-drawn")
""",
    "long clips": """
model = musegen.load("folk-vae-16")
facts("given", model.reconstruct("inputs/tune.abc", seed=1))
print(repr(model.vary("inputs/tune.abc", amount=0.2, num=2, seed=1)))
model.generate(seed=2, time_signature="4/4").save("out/py-long.mid")
""",
    "own models": """
for name in ("lm", "lm-rich", "lm-grid", "checkpoints/clips-8"):
    piece = musegen.load(name).generate(seed=1, bars=8)
    facts(name, piece)
    piece.save(f"out/py-own-{Path(name).name}.mid")
facts("pop", musegen.load("pop").accompany("inputs/song.mid", melody="MELODY", seed=1, plan_temperature=0.5))
facts("choir", musegen.load("choir").accompany("inputs/scale.abc", seed=1))
facts("poly", musegen.load("clips-poly").reconstruct("inputs/song.mid", seed=1))
""",
    "read and save": """
for path in ("scale.abc", "tune.abc", "chorale.krn", "chorale.mxl", "chorale.mid", "song.mid", "odd.mid"):
    piece = musegen.read(f"inputs/{path}")
    facts(path, piece)
    piece.save(f"out/py-read-{path}.mid")
tune = musegen.read("inputs/song.mid")
for ending in ("mid", "musicxml", "wav", "png", "html"):
    print(tune.save(f"out/py-song.{ending}"))
Path("out/py-notebook.html").write_text(tune._repr_html_())
pair = musegen.Pieces([tune, musegen.read("inputs/waltz.mid")])
print(repr(pair), pair.save("out/py-pair"))
Path("out/py-notebook-pair.html").write_text(pair._repr_html_())
""",
    "misuse of a language model": """
tell("no model", lambda: musegen.load("nothing"))
tell("near", lambda: musegen.load("folkk"))
tell("a file", lambda: musegen.load("inputs/tune.abc"))
tell("a dataset", lambda: musegen.load("datasets/folk"))
tell("damaged", lambda: musegen.load("damaged-weights"))
tell("device", lambda: musegen.load("folk", device="abacus"))
model = musegen.load("folk")
for asked in (
    {"bars": 0}, {"num": 0}, {"seed": -1}, {"temperature": -1}, {"top_k": 0}, {"top_p": 2.0}, {"min_p": 2.0},
    {"diatonic": 3.0}, {"tempo": 1}, {"program": 128}, {"time_signature": "4/3"}, {"time_signature": "63/64"},
    {"scale": "H major"}, {"key": "D blues"}, {"key": "D major", "scale": "D major"},
    {"pitch_range": "80:60"}, {"pitch_range": "bass=30:40"}, {"prompt": "none.mid"},
    {"prompt": "inputs"}, {"prompt": 7},
    {"prompt": "inputs/bad/text.mid"}, {"prompt": "inputs/odd.mid"}, {"prior": True},
):
    tell(asked, lambda: model.generate(**({"bars": 2, "seed": 1} | asked)))
for verb in ("accompany", "reconstruct", "vary"):
    tell(verb, lambda: getattr(model, verb)("inputs/tune.abc"))
tell("interpolate", lambda: model.interpolate("inputs/tune.abc", "inputs/tune.abc"))
""",
    "misuse of the others": """
tell("kind", lambda: musegen.load("chorale").generate())
chorale = musegen.load("chorale")
for asked in (
    {"chords": "C X"}, {"chords": "C"}, {"melody": "9"}, {"melody": ""}, {"prompt_bars": -1},
    {"prompt_bars": 2}, {"pitch_range": "harp=3:4"}, {"plan_temperature": 1.0}, {"scale": "H"}, {"num": 0},
):
    tell(asked, lambda: chorale.accompany("inputs/scale.abc", **({"seed": 1} | asked)))
tell("bad", lambda: chorale.accompany("inputs/bad/header.mid"))
clips = musegen.load("folk-vae")
tell("bars", lambda: clips.generate(bars=9))
tell("accompany", lambda: clips.accompany("inputs/scale.abc"))
tell("steps", lambda: clips.interpolate("inputs/scale.abc", "inputs/song.mid", num=1))
tell("metres", lambda: clips.interpolate("inputs/scale.abc", "inputs/waltz.mid"))
tell("three bars", lambda: clips.interpolate("inputs/scale.abc", "inputs/song.mid", from_bar=(1, 2, 3)))
for asked in ({"amount": 2}, {"density": 9999.0}, {"from_bar": 0}, {"from_bar": 99}, {"melody": "FLUTE"}):
    tell(asked, lambda: clips.vary("inputs/scale.abc", **asked))
""",
    "misuse of pieces": """
tune = musegen.read("inputs/scale.abc")
tell("ending", lambda: tune.save("out/tune.mp3"))
try:
    tune.save("out/none/deep/tune.wav")
    print("saved")
except OSError as error:
    print(type(error).__name__)
for path in ("none.mid", "inputs", "inputs/bad/text.mid", "inputs/bad/empty.mid", "inputs/bad/words.abc",
             "inputs/bad/broken.musicxml", "inputs/bad/picture.xyz", "inputs/bad/cut.mid",
             "inputs/bad/noise.mid"):
    tell(path, lambda: musegen.read(path))
silent = musegen.read("inputs/scale.abc")
for track in silent.score.tracks:
    track.notes.clear()
tell("silent", lambda: silent.save("out/silent.mid"))
print(silent._repr_html_(), repr(musegen.Pieces()), musegen.Pieces().save("out/py-none"))
""",
}
