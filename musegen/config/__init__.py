"""Settings of training runs, options of verbs, their allowed values, and parsing from JSON."""
