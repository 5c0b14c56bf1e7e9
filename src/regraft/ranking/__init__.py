"""Which model of a zoo is the best start for some data: all are probed, those that are alike in one go."""

from regraft.ranking.rank import rank as rank
from regraft.ranking.record import Ranked as Ranked
from regraft.ranking.record import Ranking as Ranking
