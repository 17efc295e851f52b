"""The function behind a verb of a checkpoint."""

from collections.abc import Callable
from typing import Any, cast

from musegen.checkpoint.folder import Checkpoint
from musegen.errors import CheckpointError
from musegen.families import families_that, family_of, load


def function_of(checkpoint: Checkpoint, verb: str) -> Callable[..., Any]:
    """The function of a verb, see `families.py`.

    Raises:
        CheckpointError: the family does not have it.
    """
    family = family_of(checkpoint.config.family)
    if verb not in family.verbs:
        raise CheckpointError(
            f"{checkpoint.path.name} is of family {family.name}, not "
            f"{' or '.join(families_that(verb))}: use musegen {family.advice}"
        )
    if verb == "fill" and checkpoint.config.tokenizer.kind == "free":
        raise CheckpointError(
            f"{checkpoint.path.name} is in free time, and there are no bars to fill: use musegen generate"
        )
    return cast(Callable[..., Any], load(family.verbs[verb]))
