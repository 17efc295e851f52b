"""A model in torch: step by step, or on a GPU in CUDA graphs. The reference for every other back-end."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from musegen.generation.graphs import BLOCK, Graphed
from musegen.generation.machine import Array, Run, Settings
from musegen.generation.states import (
    choose_rows,
    count_rows,
    forgetful,
    in_view,
    parts,
    repeat_rows,
)
from musegen.generation.step import Rows, Rules, first_rows, step
from musegen.models.decoder import StreamDecoder
from musegen.models.seq2seq import Seq2SeqState
from musegen.music.notes import Floats
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.limits import Limits
from musegen.tokenizers.tables import Ints, Kind, Tables

CHUNK = 1024
"""Tokens of a prompt that the model reads at once."""
GRAPHS = True
"""Whether steps on a GPU are captured in a CUDA graph; the sampled ids are the same."""
FORGET_EVERY = 64
"""Steps after which ids that no look-back reaches are dropped."""


class Eager:
    """A `Machine`.

    Args:
        model: in eval mode.
        tables: of its streams.
    """

    def __init__(self, model: nn.Module, tables: Tables) -> None:
        self.model, self.tables = model, tables
        self._functions = model.functions()  # type: ignore[operator]
        self.functions: frozenset[str] = frozenset(self._functions)
        self.device = next(model.parameters()).device
        self.is_rounded = False
        self.most_rows = 4096 if self.device.type == "cuda" else 256

    @torch.inference_mode()
    def call(self, name: str, *inputs: Array) -> list[Array]:
        """One of `functions`."""
        return [part.cpu().numpy() for part in parts(self._called(name, inputs))]

    def weight(self, name: str) -> Array:
        """A tensor of the checkpoint by its name."""
        return self.model.state_dict()[name].cpu().numpy()

    @torch.inference_mode()
    def run(self, inputs: Sequence[Array], limits: Limits, seen_classes: Array) -> Run:
        """Streams before BOS."""
        grammar = make_grammar(self.tables, limits, device=self.device)
        state = repeat_rows(self._called("start", inputs), len(seen_classes))
        return EagerRun(self.model, grammar, first_rows(state, grammar, self._tensor(seen_classes)))

    def _called(self, name: str, inputs: Sequence[Array]) -> Any:
        return self._functions[name].call(*map(self._tensor, inputs))

    def _tensor(self, values: Array) -> Tensor:
        return torch.from_numpy(np.require(values, requirements=["C", "W"])).to(self.device)


class EagerRun:
    """A `Run`.

    Args:
        model: in eval mode.
        grammar: of the streams.
        rows: before BOS.
    """

    def __init__(self, model: Any, grammar: Rules, rows: Rows) -> None:
        self._model, self._grammar, self._rows = model, grammar, rows
        self._device = rows.last.device
        self._graphed: Graphed | None = None
        self._settings: tuple[Settings, Settings] | None = None
        self._count = 0
        # Of musegen's own models; another family may be a model of any kind.
        self._decoder = next((part for part in model.modules() if isinstance(part, StreamDecoder)), None)
        with torch.inference_mode():
            self._tables = self._decoder and self._decoder.tables()
        self._is_graphed = GRAPHS and self._device.type == "cuda" and self._decoder is not None
        self._source = rows.state.memory if isinstance(rows.state, Seq2SeqState) else None
        self.block = BLOCK if self._is_graphed else 1

    @torch.inference_mode()
    def read(self, ids: Ints) -> None:
        """Follow the same ids, (T,), in every row."""
        rows, prompt = self._rows, torch.from_numpy(np.asarray(ids)).to(self._device)
        rules, grammar = rows.rules, self._grammar
        every = torch.ones_like(rows.done)
        for id_ in prompt:
            rules = grammar.advance(rules, id_.expand(len(every)))
            rules = grammar.silence(rules, every & (rules.kind == Kind.BAR.value))
        state, chunks = rows.state, torch.split(prompt.expand(len(every), -1), CHUNK, dim=1)
        for chunk in chunks:
            logits, state = self._model(chunk, state)
        seen_classes = rows.seen_classes.clone()
        seen_classes[:, grammar.pitch_class[prompt]] = True
        self._count += len(prompt)
        self._rows = rows._replace(
            last=logits[:, -1].float(), seen_classes=seen_classes, rules=rules, state=state
        )

    @torch.inference_mode()
    def step(self, uniform: Floats, settings: Settings, forced: Ints | None = None) -> tuple[Ints, Array]:
        """Sample K more ids in every row (one with `forced`): (K, B), and (B,) whether each has ended."""
        numbers = torch.from_numpy(uniform).to(self._device)
        if self._is_graphed and forced is None:
            self._graphed = self._graphed or Graphed(self._taking(settings), self._model, self._count)
            ids, self._rows = self._graphed(self._rows, numbers)
        else:
            self._look()
            follow = None if forced is None else torch.from_numpy(forced).to(self._device)
            ids, self._rows = self._taking(settings)(self._rows, numbers[0], follow)
        ids = ids.view(-1, uniform.shape[1])
        self._count += len(ids)
        return ids.cpu().numpy(), self._rows.done.cpu().numpy()

    def _taking(self, settings: Settings) -> Any:
        if self._settings is None or self._settings[0] is not settings:
            # Numbers stay on the CPU, where a branch on them does not wait for the GPU.
            places = ("cpu" if each.ndim == 0 else self._device for each in settings)
            values = map(torch.as_tensor, settings)
            self._settings = settings, Settings(*(v.to(p) for v, p in zip(values, places, strict=True)))
        now = self._settings[1]

        def take(rows: Rows, uniform: Tensor, forced: Tensor | None = None) -> tuple[Tensor, Rows]:
            sampled = torch.full_like(rows.rules.kind, -1) if forced is None else forced
            with self._decoder.keeping(self._tables) if self._decoder and self._tables else nullcontext():
                return step(rows, uniform, sampled, self._model, self._grammar, now)

        return take

    def _look(self) -> None:
        """Keep in the state what the next id needs of the past and of the source, and no more."""
        rows = self._rows
        if self._decoder and self._count % FORGET_EVERY == 0:
            rows = rows._replace(state=forgetful(self._model, rows.state))
        if self._source is not None and self._model.alignment != "none":
            memory = in_view(self._source, rows.rules.bar, max(self._model.reach, *self._model.ahead, 0))
            rows = rows._replace(state=rows.state._replace(memory=memory))
        self._rows = rows

    @torch.inference_mode()
    def select(self, rows: Ints) -> None:
        """Go on with some of the rows alone, by number, (B',)."""
        index = torch.from_numpy(np.asarray(rows)).to(self._device)
        self._rows, self._grammar = choose_rows(self._rows, index), self._grammar.select(index)
        if self._source is not None and count_rows(self._source) > 1:
            self._source = choose_rows(self._source, index)

    def allow(self, limits: Limits) -> None:
        """Go on under other limits, of B rows or of one."""
        self._grammar, self._graphed = self._grammar.under(limits), None

    def logits(self) -> Floats:
        """Of the next id, (B, V)."""
        logits: Floats = self._rows.last.double().cpu().numpy()
        return logits

    def nats(self) -> Floats:
        """Log-likelihood of the ids sampled so far, (B,)."""
        nats: Floats = self._rows.total.cpu().numpy()
        return nats
