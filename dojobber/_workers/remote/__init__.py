"""Attempts in other processes: what is sent there, what is done there, and what comes back."""
