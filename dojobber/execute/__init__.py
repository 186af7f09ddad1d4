"""Drives a schedule until nothing is left to try: one attempt at a time, on threads, or by any executor."""

from .futures import Futures
from .inline import Inline
from .loop import LONGEST_SLEEP, execute
from .recorded import Recorded
from .threads import Threads

__all__ = ['LONGEST_SLEEP', 'Futures', 'Inline', 'Recorded', 'Threads', 'execute']
