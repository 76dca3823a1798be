"""One script per claim, each against a named peer in the same run. Absolute times mean little: read the ratios."""
