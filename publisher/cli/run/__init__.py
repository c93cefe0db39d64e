"""The work behind each command: its arguments resolved, the rooms called, the result printed."""
