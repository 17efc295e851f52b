"""Models: `model(ids, state) -> (logits, state)`, over a whole sequence or step by step."""
