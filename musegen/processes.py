"""Which of several processes of one run this is."""

import os

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
"""What torchrun, Lightning and Slurm tell a process; without any it is alone."""


def is_first_process() -> bool:
    """Whether this process is the only one of its run, or the one that speaks and writes for all."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
