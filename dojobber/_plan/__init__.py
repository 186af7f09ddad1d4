"""Turns Job classes into a checked plan, and decides which Job is next. It calls no hooks and reads no clock."""
