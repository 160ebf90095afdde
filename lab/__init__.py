"""The lab without containers: its services, their supervision and the command line."""
