"""Attempts in other processes: the client that sends requests, the worker that runs them, and their messages."""
