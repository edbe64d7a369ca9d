"""Side-by-side comparisons on one machine, in one run: `make bench`."""
