"""The loop: people, prompts, generations, feedback and what becomes of them. Never imports torch."""

__version__ = "0.1.0"
