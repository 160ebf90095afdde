"""The incidents. To add one, declare it here: `python -m lab.incidents` then writes docs/incidents.md anew."""

from lab.incidents.declarations import data, models, platform
from lab.incidents.incident import Incident

INCIDENTS: tuple[Incident, ...] = (*data.INCIDENTS, *platform.INCIDENTS, *models.INCIDENTS)
