"""The command line: click options, prompts and output; the work is in the other rooms."""
