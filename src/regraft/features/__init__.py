"""Features: what the frozen part of a network makes of the data, computed once and kept."""

from regraft.features.cache import cache_folder as cache_folder
from regraft.features.extraction import Place as Place
from regraft.features.extraction import extract as extract
from regraft.features.features import Features as Features
