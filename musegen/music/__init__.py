"""Reading, tidying, measuring and writing music; `symusic.Score` is the only container."""
