"""What people keep to use again: prompts under a name, presets of settings, and grids that spread a prompt out."""
