"""From a model to music: sampling, the engine, the tasks users ask for."""
