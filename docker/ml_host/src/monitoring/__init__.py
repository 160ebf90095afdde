"""What is measured of a model that is in use."""
