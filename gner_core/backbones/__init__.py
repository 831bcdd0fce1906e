"""Backbones: importing a pretrained model, loading it, and turning prompts into its tokens."""
