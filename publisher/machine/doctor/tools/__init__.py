"""The checks of the tools that install and upload: one module for each."""
