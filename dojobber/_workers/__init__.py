"""Drives a schedule until nothing is left to do: one attempt at a time, on threads, or by any executor."""

from .base import LONGEST_WAIT, Recorded
from .futures import Futures
from .inline import Inline
from .loop import LONGEST_SLEEP, execute
from .threads import OwnThreads, PoolThreads

__all__ = ['LONGEST_SLEEP', 'LONGEST_WAIT', 'Futures', 'Inline', 'OwnThreads', 'PoolThreads', 'Recorded', 'execute']
