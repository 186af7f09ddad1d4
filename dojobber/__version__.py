"""The version of this package; pyproject.toml reads it from here."""

VERSION = (1, 0, 0)
"""As numbers, for comparisons."""

__version__ = '.'.join(map(str, VERSION))
