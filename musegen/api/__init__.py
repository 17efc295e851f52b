"""musegen for people who write Python (`musegen.load`), and what the command line shares with it."""
