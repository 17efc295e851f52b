"""Training with PyTorch Lightning: the only package that imports it."""
