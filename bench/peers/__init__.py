"""Applications for the fan-out benchmark: the project's own one and what it is compared with, both driven by hand."""
