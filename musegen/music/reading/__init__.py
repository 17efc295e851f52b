"""Reading any music file: what is in it, what may be mended, and what it is as a Score."""
