"""Prompt refinement: what people said of a prompt's outputs becomes proposed versions; a blind trial decides.

digest.py gathers the evidence · one module per proposer (reflect, demonstrations, preferences, modifiers, human) turns
it into candidates (mining.py, phrases.py, features.py, tally.py and rules.py are what preferences counts) ·
guardrails.py refuses what is no improvement on sight · proposing.py runs them · trials.py tests
blind · promotion.py moves the alias, on evidence only · memory.py is one person's own. Knows nothing of pages.
"""
