"""The likelihood of music under a model, beside that under n-grams, printed to stdout."""

from typing import Any

from musegen.cli.tables import print_rows
from musegen.evaluation.likelihood import WITHOUT

NO_BASELINES = "no n-grams beside these figures: they need training pieces, and the valid or test split"


def print_likelihood(figures: dict[str, Any], music: str) -> None:
    """Print the figures of a model beside those of the n-grams, and which of these it has not passed.

    Args:
        figures: with "by_kind", see `likelihood_figures`.
        music: what the n-grams were fitted to, in words.
    """
    baselines = [each for each in figures.get("baselines", {}).values() if isinstance(each, dict)]
    if baselines or WITHOUT in figures:
        systems = {"model": figures} | {each["name"]: each for each in baselines}
        print_rows(_totals(systems), f"beside n-grams of {music}" if baselines else "")
    rows = {kind: dict(row) for kind, row in figures["by_kind"].items()}
    for each in baselines:
        for kind, row in each["by_kind"].items():
            rows[kind][each["name"]] = row["nats_each"]
    print_rows(rows, "by kind of token" + ", and the nats of each under the n-grams" * bool(baselines))
    print(_verdict(figures, music) if baselines else NO_BASELINES)


def print_fills(fills: dict[str, Any]) -> None:
    """Print the figures of each kind of hole, beside those of the unigram: see `evaluate_filling`."""
    rows = {
        kind: {
            **{name: row[name] for name in ("pieces", "notes", "nats_per_beat", "bits_per_note")},
            "unigram_nats_per_beat": row["unigram"]["nats_per_beat"],
            "unigram_bits_per_note": row["unigram"]["bits_per_note"],
        }
        for kind, row in fills.items()
    }
    print_rows(rows, "by what is missing, beside how often each token occurs in the training pieces")


def _totals(systems: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """A row per figure, a column per system."""
    rows = {
        name: {system: found[name] for system, found in systems.items()}
        for name in ("nats_per_token", "bits_per_note")
    }
    if WITHOUT in systems["model"]:
        own = {system: found[WITHOUT]["bits_per_note"] for system, found in systems.items()}
        rows[f"bits_per_note_{WITHOUT}"] = own
    return rows


def _verdict(figures: dict[str, Any], music: str) -> str:
    """The simplest n-gram that the model has not passed, in one line."""
    if not figures["not_passed"]:
        names = [figures["baselines"][key]["name"] for key in ("unigram", "bigram", "ngram")]
        return f"the model has passed the {names[0]}, the {names[1]} and the {names[2]} of {music}"
    first = figures["not_passed"][0]
    return (
        f"the model has not passed the {first['name']} of {music}: {first['model']:.2f} nats per "
        f"{first['kind'].replace('_', ' ')} against {first['other']:.2f}; train longer (--trainer.max-time) "
        "or on more music"
    )
