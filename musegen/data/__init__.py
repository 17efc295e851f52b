"""Datasets: music stored as checked scores, and what a model sees of it."""
