"""Runs a graph on a pool of one process and prints the results, for scripts whose Jobs must be pickled by value."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from dojobber import DoJobber


def print_results(root):
    """Print name, result and exception of each Job. The first argument of the script is the start method."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(sys.argv[1])) as pool:
        engine = DoJobber()
        engine.configure(root, executor=pool, default_tries=1)
        engine.set_args(1)
        engine.checknrun()
    for name in sorted(engine.outcomes):
        print(name, engine.noderesults.get(name), engine.nodeexceptions.get(name))
