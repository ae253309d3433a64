"""What brings the gallery onto a machine."""
