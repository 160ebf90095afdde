"""What the lab tells a person when it cannot go on."""


class LabError(Exception):
    """Something a person has to know: what happened, where, and what to do next. Printed without a traceback."""
