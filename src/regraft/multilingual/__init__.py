"""One network for several languages: what is learned in one, told of another."""

from regraft.multilingual.transfer import Transfer as Transfer
from regraft.multilingual.transfer import transfer as transfer
