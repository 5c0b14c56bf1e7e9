"""Proposes how the weights of a file go into a model: which where, with which turn, and how sure that is."""

from regraft.network.matching.matching import Match as Match
from regraft.network.matching.matching import Pair as Pair
from regraft.network.matching.matching import match_module as match_module
from regraft.network.matching.matching import match_network as match_network
