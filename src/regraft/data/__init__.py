"""Labelled data: opening, dividing, and bringing them into the form a network wants."""

from regraft.data.examples import Examples as Examples
from regraft.data.examples import Part as Part
from regraft.data.examples import Picture as Picture
from regraft.data.examples import Splits as Splits
from regraft.data.examples import whole as whole
from regraft.data.languages import open_languages as open_languages
from regraft.data.opening import open_data as open_data
from regraft.data.opening import open_parts as open_parts
from regraft.data.opening import open_unlabelled as open_unlabelled
from regraft.data.preparation import prepare as prepare
from regraft.data.said import as_flag as as_flag
from regraft.data.said import parse_input as parse_input
from regraft.data.splits import open_splits as open_splits
from regraft.data.tables import Columns as Columns
from regraft.data.views import PLAIN as PLAIN
from regraft.data.views import View as View
