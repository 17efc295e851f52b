"""The language model: music from silence."""

from torch import Tensor, nn

from musegen.models.decoder import DecoderState, StreamDecoder
from musegen.models.grid_place import GridTracker
from musegen.models.place import PlaceTracker


class LanguageModel(nn.Module):
    """Next-id model of token streams.

    All at once equals step by step: for any cutting of T into chunks the logits are the same.

    Args:
        tracker: follows the stream through its bars.
        cell: "lstm", "gru" or "rnn".
        embedding_dim: width of the token embedding.
        hidden_size: H.
        num_layers: recurrent layers.
        dropout: in the inputs, between the layers and before the logits.
    """

    def __init__(
        self,
        *,
        tracker: PlaceTracker | GridTracker,
        cell: str = "lstm",
        embedding_dim: int = 128,
        hidden_size: int = 384,
        num_layers: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.decoder = StreamDecoder(
            tracker=tracker,
            cell=cell,
            embedding_dim=embedding_dim,
            hidden_size=hidden_size,
            num_layers=num_layers,
            dropout=dropout,
        )

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
        place, place_state = self.decoder.follow(ids, state.place)
        output, rnn_state = self.decoder.run(ids, place, state.rnn)
        return self.decoder.score(output, place), DecoderState(rnn_state, place_state)
