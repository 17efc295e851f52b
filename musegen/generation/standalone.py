"""A model as ONNX files that stand alone, weights included, with a card that says how to run them."""

from io import BytesIO
from pathlib import Path

import numpy as np
from symusic import Note, Score, TimeSignature, Track

from musegen.checkpoint.folder import Checkpoint
from musegen.config.autoencoder import VAEConfig
from musegen.errors import ConfigError
from musegen.families import family_of
from musegen.files import write_atomic
from musegen.generation.accompany import melody_source
from musegen.generation.backends import exported_machine
from musegen.generation.exported import Arrays, Exported, ExportedRun
from musegen.generation.graph_store import GraphStore, has_exporter
from musegen.generation.guidance import alone
from musegen.generation.machine import Array, Settings
from musegen.tokenizers import Constraints, limits_of
from musegen.tokenizers.label_ids import LabelVocabulary
from musegen.tokenizers.tables import NO_CLASS

BARS, WINDOW = 16, 2048
"""Of the example: bars where a model chooses them, and past ids for which it has room."""
INNER = ("nats",)
"""Functions that only musegen needs."""


def export_model(checkpoint: Checkpoint, path: Path) -> list[Path]:
    """Write the step of a model to a file, and beside it its other functions, an example and the card.

    Args:
        checkpoint: read from its folder.
        path: of the step, such as folk.onnx; the others are folk.start.onnx, ..., folk.npz and folk.md.

    Returns:
        the files, the step first.

    Raises:
        ConfigError: the exporter is not installed, or the model cannot be exported.
    """
    family = family_of(checkpoint.config.family)
    if not family.sample:
        raise ConfigError(
            f"{checkpoint.path.name} is of family {family.name}, which writes no music: exported is the "
            "sampling step of models that do"
        )
    if not has_exporter():
        raise ConfigError("exporting needs onnx and onnxscript: pip install 'musegen[export]'")
    if not checkpoint.config.is_exportable:
        raise ConfigError(
            f"{checkpoint.path.name} has no sampling step to export: use it with musegen "
            f"{next(iter(family.verbs))}"
        )
    machine = exported_machine(checkpoint, GraphStore(checkpoint))
    if machine is None:
        raise ConfigError(f"{checkpoint.path.name} cannot be exported, as said above")
    names = ["step", *sorted(machine.functions - set(INNER))]
    contents = {name: machine.graph(name).with_weights() for name in names}
    example = _example(checkpoint, machine)
    files = {name: path if name == "step" else path.with_suffix(f".{name}.onnx") for name in names}
    for name, file in files.items():
        write_atomic(file, contents[name])
    arrays, card = path.with_suffix(".npz"), path.with_suffix(".md")
    buffer = BytesIO()
    np.savez(buffer, **example)
    write_atomic(arrays, buffer.getvalue())
    write_atomic(card, _card(checkpoint, machine, files, arrays).encode())
    return [*files.values(), arrays, card]


def _example(checkpoint: Checkpoint, machine: Exported) -> Arrays:
    """The inputs of the first step of a request."""
    tokenizer, config = checkpoint.tokenizer, checkpoint.config
    inputs: list[Array] = []
    bars, metres = BARS, [tokenizer.vocab.index("TimeSig_4/4")] * BARS
    if isinstance(config.model, VAEConfig):
        bars = config.model.clip_bars
        inputs = [np.zeros((1, machine.weight("mixture_means").shape[1]), np.float32)]
    elif "encode" in machine.functions:
        source, metres = melody_source(_scale(), tokenizer, bars)
        inputs = machine.call("encode", source)
    elif config.model.labels:
        inputs = alone(LabelVocabulary(config.model.labels).ids({}))
    limits = limits_of(tokenizer.tables, Constraints(bars=bars, metre_ids=metres[:bars], tempo=False))
    run = machine.run(inputs, limits, np.zeros((1, NO_CLASS + 1), np.bool_))
    assert isinstance(run, ExportedRun)
    settings = Settings.of(config.sampling, tokenizer.tables, np.zeros(1, np.bool_), pitches_alone=False)
    first = {"uniform": np.zeros(1), "forced": np.array([tokenizer.bos_id])}
    return first | run.inputs(settings, window=WINDOW)


def _scale() -> Score:
    """A scale in quavers over `BARS` bars of 4/4."""
    score, track = Score(480), Track("Melody", 0)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    for step in range(8 * BARS):
        track.notes.append(Note(240 * step, 240, 60 + (0, 2, 4, 5, 7, 9, 11, 12)[step % 8], 80))
    score.tracks.append(track)
    return score


def _card(checkpoint: Checkpoint, machine: Exported, files: dict[str, Path], arrays: Path) -> str:
    step = files["step"].name
    parts = []
    for name, file in files.items():
        graph = machine.graph(name)
        rows = [f"- `{each}`: {kind}, {shape}" for each, kind, shape in graph.signature("inputs")]
        made = [f"- `{each}`: {kind}, {shape}" for each, kind, shape in graph.signature("outputs")]
        parts.append("\n".join([f"## {file.name}", "", "Inputs:", "", *rows, "", "Outputs:", "", *made]))
    return (
        CARD.format(name=checkpoint.path.name, step=step, arrays=arrays.name, bos=checkpoint.tokenizer.bos_id)
        + "\n\n".join(parts)
        + "\n"
    )


CARD = """\
# {name} in ONNX

`{step}` is one sampling step for a batch of streams: it samples an id in each row, or follows an id of a
prompt, and returns the state after it. Outputs named `next.` are the inputs of the next step; inputs without
such an output stay as they are. `uniform` are random numbers in [0, 1), `forced` the ids of a prompt, or -1.
`settings.` are those of `musegen generate`, `limits.` what the grammar allows (bars, metres, pitches). Past
ids are in `rows...ids` and `rows...keys`, of which each step drops the first: as many columns as the
look-backs need must be there; likewise the keys and values of a transformer, as many as its context. The
ids are the vocabulary in tokenizer.json of the checkpoint. `{arrays}` has the inputs of a first step.

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{step}")
names = [each.name for each in session.get_outputs()]
feed = dict(np.load("{arrays}"))
random = np.random.default_rng(1)
ids = []
while not feed["rows.done"].all():
    made = dict(zip(names, session.run(names, feed)))
    ids.append(int(made.pop("ids")[0]))
    feed |= {{name.removeprefix("next."): value for name, value in made.items()}}
    feed |= {{"forced": np.array([-1]), "uniform": random.random(1)}}
print(ids)
```

"""
