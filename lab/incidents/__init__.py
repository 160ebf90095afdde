"""Incidents: real faults that a person causes on purpose, the alerts that must tell of them, and how each is healed."""
