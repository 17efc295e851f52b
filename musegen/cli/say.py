"""What a command says: messages to stderr, results to stdout."""

import json
import sys
from typing import Any


def say(message: str) -> None:
    """Print one message for people, to stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print one result for programs, to stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
