"""Music to ids and back, and what a vocabulary knows about music."""

from musegen.tokenizers.remi import RemiTokenizer
from musegen.tokenizers.tables import Kind, Tables

__all__ = ["Kind", "RemiTokenizer", "Tables"]
