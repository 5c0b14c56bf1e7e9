"""regraft's own model folder: model.json (the graph and what is known about it) and weights.safetensors."""

from regraft.formats.saved.document import graph_from_json as graph_from_json
from regraft.formats.saved.document import graph_to_json as graph_to_json
from regraft.formats.saved.folder import about as about
from regraft.formats.saved.folder import opens as opens
from regraft.formats.saved.folder import read as read
from regraft.formats.saved.folder import read_weights as read_weights
from regraft.formats.saved.folder import weights_of as weights_of
from regraft.formats.saved.folder import write as write
