"""Words: click options, prompts and printing; the deeds are in the rest of the package."""
