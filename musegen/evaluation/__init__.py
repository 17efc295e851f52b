"""What music, data and models are like: likelihood, facts, pictures."""
