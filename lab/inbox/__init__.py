"""The inbox: takes every e-mail and every Slack post of the lab, and shows each as it would arrive."""
