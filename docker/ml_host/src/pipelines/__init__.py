"""Pipelines that the data team's scheduler starts on this machine."""
