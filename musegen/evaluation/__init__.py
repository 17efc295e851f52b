"""Evaluation of models, and comparison of sets of music."""
