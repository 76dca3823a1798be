"""From a snapshot of feedback to an adapter that passed its checks. To torch: models.tune_text, tune_image."""
