"""Studies: a question put to people, blind, and its answer with its uncertainty. One module per step of its life.

spec.py what may be asked · creation.py items from arms, outputs or a file · fitting.py what the spec comes to with them
· pregeneration.py makes the outputs beforehand · assignment.py who is given what · answering.py what they say, undo,
reveal · results.py and its neighbours what it all means. Knows nothing of pages.
"""
