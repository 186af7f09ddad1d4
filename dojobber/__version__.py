"""The version of this package; setup.py reads it from here."""

VERSION = (1, 0, 0)
"""As numbers, for comparisons."""

__version__ = '.'.join(map(str, VERSION))
