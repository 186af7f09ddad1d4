"""One attempt at one Job, and the stack of pending Cleanups."""
