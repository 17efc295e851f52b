"""Labels of pieces in settings: by what a dataset is labelled, and which labels a language model knows.

Standard library only, so that `musegen --help` stays fast.
"""

from typing import Any

from musegen.config.ranges import Check
from musegen.errors import ConfigError

KEY = "key"
"""The kind of labels that are keys, such as "D minor": measured, and transposed with the music."""
KNOWN: Check = (
    lambda names: len(set(names)) == len(names) and all("=" in name for name in names),
    "kind=label, each named once, such as folders=jig",
)


def label_kinds(how: str | None) -> tuple[str, ...]:
    """What pieces are labelled by, one after another: "folders,key" is two kinds of labels."""
    return tuple(each.strip() for each in (how or "").split(",") if each.strip())


def refuse_labels(config: Any) -> None:
    """Refuse labels of models that know none.

    Args:
        config: a `TrainConfig`.

    Raises:
        ConfigError: with the name of the setting.
    """
    labels: dict[str, Any] = {
        "data.labels": config.data.labels,
        "model.labels": getattr(config.model, "labels", ()),
    }
    for name, value in labels.items():
        if value and config.writes not in ("pieces", "labels"):
            raise ConfigError(
                f"⟨{name}⟩ is for language models and classifiers, and this is family {config.family}: "
                "leave it out"
            )
