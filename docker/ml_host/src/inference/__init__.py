"""Scores by the champion: over HTTP, and for everybody at once."""
