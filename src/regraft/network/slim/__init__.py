"""Checkpoints of TF-slim, which come without a graph, in the models of timm and torchvision that compute the same."""

from regraft.network.slim.maps import SlimMap as SlimMap
from regraft.network.slim.maps import slim_map as slim_map
