"""Which model of a zoo is the best start for some data: all are probed, the two best of them are fine-tuned."""

from regraft.ranking.rank import rank as rank
from regraft.ranking.record import Ranked as Ranked
from regraft.ranking.record import Ranking as Ranking
