"""Files of other programs: edited in place, replaced in one step."""
