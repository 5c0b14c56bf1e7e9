"""`regraft multitask`: several tasks learned on one trunk, each with a head, data and a measure of its own."""

from regraft.joint.balance import Balance
from regraft.joint.learning import Choices, Learned, LearnedTask, learn

__all__ = ["Balance", "Choices", "Learned", "LearnedTask", "learn"]
