"""What the Makefile and the workflows run: for the people who work on this repository, in no distribution."""
