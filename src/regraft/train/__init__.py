"""One training loop, whatever is learned: optimizers, moving averages of weights, checkpoints, resume."""
