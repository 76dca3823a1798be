"""From a snapshot of feedback to an adapter that passed its checks. The only way to torch is models.tune_text."""
