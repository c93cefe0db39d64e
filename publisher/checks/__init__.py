"""Rules for projects and built files, and the engine that reports and enforces them."""
