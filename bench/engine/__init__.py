"""The engine against what people would use without it: tokens, pictures, waiting and stopping. Every figure is a ratio
to a named peer in the same run, turn by turn, on the embedded models."""
