"""Reading music files of any format: checking, repairing and converting them to a Score."""
