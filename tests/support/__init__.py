"""Factories, clocks, programs and terminals that the tests share."""
