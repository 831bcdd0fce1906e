"""Systems for named entity recognition behind one interface."""
