"""regraft's own model folder: model.json (the graph and what is known about it) and weights.safetensors."""

from regraft.formats.saved.folder import about as about
from regraft.formats.saved.folder import opens as opens
from regraft.formats.saved.folder import read as read
from regraft.formats.saved.folder import read_weights as read_weights
from regraft.formats.saved.folder import write as write
