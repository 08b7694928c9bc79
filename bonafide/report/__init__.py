"""Reports of an evaluation for people: a self-contained HTML page and a Markdown model card."""
