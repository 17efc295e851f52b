"""The language model: predicts the next token of a stream."""

from torch import Tensor, nn

from musegen.models.decoder import DecoderState, StreamDecoder


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
