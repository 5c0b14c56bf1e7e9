"""Pretraining: a network made from nothing learns from examples whose labels nobody wrote, or from other classes."""

from regraft.pretraining.beside import Goal as Goal
from regraft.pretraining.pretrain import DEFAULTS as DEFAULTS
from regraft.pretraining.pretrain import METHODS as METHODS
from regraft.pretraining.pretrain import Choices as Choices
from regraft.pretraining.pretrain import Method as Method
from regraft.pretraining.pretrain import Pretrained as Pretrained
from regraft.pretraining.pretrain import pretrain as pretrain
