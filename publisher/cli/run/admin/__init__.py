"""Running an index, and administering one."""
