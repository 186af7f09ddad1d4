"""One run of a plan: runs the Jobs, records the results, and notifies the listeners."""
