"""From TensorFlow's operations to the nodes of a network: what was trained, fed, dropped and wanted."""
