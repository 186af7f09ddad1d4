"""Lets ``python -m dojobber`` do what the command ``dojobber`` does."""

from .cli.app import command

if __name__ == '__main__':
    command()
