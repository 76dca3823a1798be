"""Prompt refinement: what people said of a prompt's outputs becomes proposed versions; a blind trial decides.

digest.py is the evidence, gathering.py reads it · proposers/ turn it into candidates, human.py takes a person's own ·
guardrails.py refuses what is no improvement on sight · proposing.py runs them, keeping.py stores what passes ·
trying/ tests blind, promotes on evidence, watches and rolls back · memory.py is one person's own · board.py shows it
all. Knows nothing of pages.
"""
