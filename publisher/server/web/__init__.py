"""Pages for people: templates, styles, READMEs made safe, and the search."""
