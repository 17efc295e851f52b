"""Datasets: checked scores, and the token streams that models are trained on."""
