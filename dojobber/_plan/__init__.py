"""Deciding: turns Job classes into a checked plan, and says which Job is next. Calls no Job and reads no clock."""
