"""Models of everything that params/ may hold: frozen, typed, nothing extra."""
