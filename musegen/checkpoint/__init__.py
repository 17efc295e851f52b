"""Checkpoints: the folder and its files, the model in it, and where a name leads."""
