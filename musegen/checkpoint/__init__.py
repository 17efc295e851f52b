"""Checkpoints: the folder and its files, the model in it, and models by name."""
