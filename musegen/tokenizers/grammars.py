"""The grammar of each kind of stream."""

from musegen.tokenizers.grammar import Grammar
from musegen.tokenizers.grid_grammar import GridGrammar
from musegen.tokenizers.limits import Constraints, Limits, limits_of
from musegen.tokenizers.line_grammar import LineGrammar
from musegen.tokenizers.stream_state import Device
from musegen.tokenizers.tables import Tables


def make_grammar(
    tables: Tables, allowed: Constraints | Limits, *, device: Device = "cpu"
) -> Grammar | GridGrammar | LineGrammar:
    """The grammar of the streams that `tables` describe.

    Args:
        tables: of the tokenizer.
        allowed: what the music must satisfy, or the limits that follow from it.
        device: of the masks.

    Raises:
        ConfigError: the constraints leave no valid token.
    """
    limits = limits_of(tables, allowed) if isinstance(allowed, Constraints) else allowed
    grammar = LineGrammar if tables.is_line else GridGrammar if tables.voices else Grammar
    return grammar(tables, device).under(limits)
