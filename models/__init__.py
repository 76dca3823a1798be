"""Generation and training. The only code that imports torch; knows nothing of collab or gradio."""
