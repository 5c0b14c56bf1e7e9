"""Features: what the frozen part of a network makes of the data, computed once and kept."""

from regraft.features.cache import cache_folder as cache_folder
from regraft.features.choosing import Timing as Timing
from regraft.features.choosing import choose as choose
from regraft.features.choosing import piped as piped
from regraft.features.choosing import seconds_of as seconds_of
from regraft.features.engines import KINDS as KINDS
from regraft.features.engines import Engine as Engine
from regraft.features.engines import Kind as Kind
from regraft.features.engines import Trunk as Trunk
from regraft.features.engines import make_engine as make_engine
from regraft.features.engines import same_engine as same_engine
from regraft.features.extraction import Place as Place
from regraft.features.extraction import extract as extract
from regraft.features.features import Features as Features
from regraft.features.known import earlier_engine as earlier_engine
