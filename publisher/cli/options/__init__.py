"""Groups of options that become one frozen dataclass, and types of options."""
