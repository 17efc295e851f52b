"""The language model: predicts the next token of a stream."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from musegen.models.decoder import DecoderState, StreamDecoder
from musegen.models.label_reader import Condition, LabelReader, guided
from musegen.models.losses import token_nats
from musegen.models.position.features import TrackerState
from musegen.models.protocol import Function


class LabelledState(NamedTuple):
    """The state between two steps of a model that knows labels."""

    rnn: Any
    """Of the backbone."""
    place: TrackerState
    condition: Condition


class LanguageModel(nn.Module):
    """Autoregressive model of token streams, perhaps given labels.

    A whole sequence equals single steps: however T is divided into chunks, the logits are the same.

    Args:
        decoder: its layers.
        labels: reads labels; None: it knows none.
        kinds: K, the number of labels of a piece.
    """

    def __init__(self, decoder: StreamDecoder, labels: LabelReader | None = None, kinds: int = 0) -> None:
        super().__init__()
        self.decoder, self.labels, self.kinds = decoder, labels, kinds

    def init_state(self, batch_size: int, labels: Tensor | None = None) -> DecoderState | LabelledState:
        """The state before the first id.

        Args:
            batch_size: B.
            labels: (B, K) ids, 0 for unknown; None: all are unknown, or the model knows none.
        """
        state = self.decoder.init_state(batch_size)
        if self.labels is None:
            return state
        none = self.decoder.pitches.new_zeros(batch_size)
        labels = none[:, None].expand(-1, self.kinds) if labels is None else labels
        return LabelledState(*state, Condition(labels, none, none + 1.0))

    def start(self, *condition: Tensor) -> LabelledState:
        """The state before the first id, under a `Condition`."""
        state = self.decoder.init_state(condition[0].shape[0])
        return LabelledState(*state, Condition(*condition))

    def functions(self) -> dict[str, Function]:
        """What sampling calls besides `forward`.

        "start" has no inputs, and returns the state of one row; "nats" those of the ids of streams, (B, T).
        Of a model that knows labels "start" has a `Condition`, and "nats" the labels of the streams as well.
        """
        ids = torch.arange(1, 22).view(3, 7)
        if self.labels is None:
            return {"start": Function(lambda: self.init_state(1), ()), "nats": Function(self._nats, (ids,))}
        labels, pair = torch.ones(3, self.kinds, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
        return {
            "start": Function(self.start, (labels, pair, torch.ones(3))),
            "nats": Function(self._nats, (ids, labels)),
        }

    def _nats(self, ids: Tensor, labels: Tensor | None = None) -> Tensor:
        state = self.init_state(ids.shape[0], labels)
        return token_nats(self(ids[:, :-1], state)[0], ids[:, 1:])

    def forward(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Process T ids.

        Args:
            ids: (B, T).
            state: after the previous ids.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        step, place = self.decoder.tracker(ids, state.place)
        if self.labels is None:
            output, rnn = self.decoder.run(step, state.rnn)
            return self.decoder.score(output, step), DecoderState(rnn, place)
        condition = state.condition
        output, rnn = self.decoder.run(step, state.rnn, self.labels.inputs(condition.labels, step))
        more = self.labels.pitch_logits(output, condition.labels, self.decoder.pitches)
        logits = self.decoder.score(output, step, more=more)
        # In training no row has another beside it.
        logits = logits if self.training else guided(logits, condition)
        return logits, LabelledState(rnn, place, condition)
