"""The run folder, written atomically and read by all, and progress on stderr."""

from regraft.run.folder import RunFolder as RunFolder
from regraft.run.folder import is_run as is_run
from regraft.run.folder import new_place as new_place
from regraft.run.folder import place_of as place_of
from regraft.run.progress import Progress as Progress
