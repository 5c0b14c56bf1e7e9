"""From a network to TensorFlow's graph and checkpoint."""
