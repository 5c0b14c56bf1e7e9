"""What a finished search tells people: a page of HTML that needs nothing beside it, and a model card."""

from regraft.report.card import write_card as write_card
from regraft.report.page import write_report as write_report
