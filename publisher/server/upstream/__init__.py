"""Public packages, passed on: one upstream for each name, cached, and only when they are old enough."""
