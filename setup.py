"""Build and install DoJobber: everything but the license is in pyproject.toml."""

from setuptools import setup

setup(license='MIT')  # "license" in pyproject.toml would need setuptools 77
