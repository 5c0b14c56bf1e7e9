"""What is learned: labels, loss and metrics; and the verbs fit, evaluate and predict on networks."""
