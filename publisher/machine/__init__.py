"""A person's machine: the configuration of its tools, the doctor, the demo."""
