"""From a model to music: sampling, the sampling engine, and the tasks of the user."""
