"""One run of a plan: its results, and who stores, announces and drives what happens."""
