"""What scores mean: intervals, tests, errors, calibration, beams, the speed of matching."""
