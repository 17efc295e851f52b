"""The language model: music from silence."""

from torch import Tensor, nn

from musegen.models.decoder import DecoderState, StreamDecoder


class LanguageModel(nn.Module):
    """Next-id model of token streams.

    All at once equals step by step: for any cutting of T into chunks the logits are the same.

    Args:
        decoder: its layers.
    """

    def __init__(self, decoder: StreamDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def init_state(self, batch_size: int) -> DecoderState:
        """Silence: the state before the first id."""
        return self.decoder.init_state(batch_size)

    def forward(self, ids: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Follow T ids.

        Args:
            ids: (B, T).
            state: after the ids before.

        Returns:
            Logits of the next id after each, (B, T, V), and the state after the last.
        """
        step, place = self.decoder.tracker(ids, state.place)
        output, rnn = self.decoder.run(step, state.rnn)
        return self.decoder.score(output, step), DecoderState(rnn, place)
