"""Few labels: classifiers on a network's features, tried in episodes or put to use on a handful of examples."""

from regraft.few_labels.nearest import Nearest as Nearest
from regraft.few_labels.nearest import nearest as nearest
from regraft.few_labels.recognising import Recognised as Recognised
from regraft.few_labels.recognising import recognise as recognise
from regraft.few_labels.study import Study as Study
from regraft.few_labels.study import study as study
from regraft.few_labels.zero_shot import ZeroShot as ZeroShot
from regraft.few_labels.zero_shot import zero_shot as zero_shot
