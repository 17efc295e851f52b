"""The language model: predicts the next token of a stream."""

import torch
from torch import Tensor, nn

from musegen.models.decoder import DecoderState, StreamDecoder
from musegen.models.losses import token_nats
from musegen.models.protocol import Function


class LanguageModel(nn.Module):
    """Autoregressive model of token streams.

    A whole sequence equals single steps: however T is divided into chunks, the logits are the same.

    Args:
        decoder: its layers.
    """

    def __init__(self, decoder: StreamDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def init_state(self, batch_size: int) -> DecoderState:
        """The state before the first id."""
        return self.decoder.init_state(batch_size)

    def functions(self) -> dict[str, Function]:
        """What sampling calls besides `forward`.

        "start" has no inputs, and returns the state of one row; "nats" those of the ids of streams, (B, T).
        """
        ids = torch.arange(1, 22).view(3, 7)
        return {"start": Function(lambda: self.init_state(1), ()), "nats": Function(self._nats, (ids,))}

    def _nats(self, ids: Tensor) -> Tensor:
        return token_nats(self(ids[:, :-1], self.init_state(ids.shape[0]))[0], ids[:, 1:])

    def forward(self, ids: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Process T ids.

        Args:
            ids: (B, T).
            state: after the previous ids.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        step, place = self.decoder.tracker(ids, state.place)
        output, rnn = self.decoder.run(step, state.rnn)
        return self.decoder.score(output, step), DecoderState(rnn, place)
