"""Every setting: of a training run, of what is asked of a model, what each may be, and from JSON."""
