"""Files as bytes, for all rooms that read them: mapped where they lie, archives, and what is compressed."""
