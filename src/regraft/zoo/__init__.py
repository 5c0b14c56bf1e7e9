"""The user's own catalog of models: a card for each, and their weights, each distinct tensor once."""

from regraft.zoo.adding import Facts as Facts
from regraft.zoo.card import Card as Card
from regraft.zoo.card import Details as Details
from regraft.zoo.scores import Score as Score
from regraft.zoo.scores import Tuned as Tuned
from regraft.zoo.zoo import CARD as CARD
from regraft.zoo.zoo import Zoo as Zoo
from regraft.zoo.zoo import default_place as default_place
