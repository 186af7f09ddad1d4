"""The command ``dojobber``, and ``main()``, which gives a script the same command line."""

from .app import command, main

__all__ = ['command', 'main']
