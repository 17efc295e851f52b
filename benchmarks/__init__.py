"""Benchmarks of musegen, and the baselines with which its models are compared."""
