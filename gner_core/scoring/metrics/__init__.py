"""What counts as right: integer counts per sentence, ratios derived last."""
