"""Lets ``python -m dojobber`` do what the command ``dojobber`` does."""

from .cli import main

if __name__ == '__main__':
    main()
