"""Loading a checkpoint as a predictor: by any of its names, from its folder, without noise."""
