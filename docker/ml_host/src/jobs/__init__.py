"""Stages of a run as jobs over HTTP, for a scheduler that cannot come over SSH."""
