"""What the program costs and how fast it is, measured from outside on running servers, its peers in the same run."""
