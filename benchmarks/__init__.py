"""Yardsticks beside which the models of musegen are measured."""
