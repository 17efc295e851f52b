"""Decoders: `model(ids, state) -> (logits, state)`, all at once or step by step."""
