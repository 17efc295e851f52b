"""The rank of this process in a distributed run."""

import os

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
"""Environment variables that torchrun, Lightning and Slurm set; without any the process is alone."""


def is_first_process() -> bool:
    """Whether this is the only process of its run, or the one that prints and writes for all."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
