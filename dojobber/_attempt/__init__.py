"""One attempt at one Job, and the stack of pending Cleanups.

Interrupt rules
===============

In these rules, an interrupt is any exception that the interrupted code does not raise itself: a signal handler raises
it (Ctrl-C, or an application's SIGTERM handler or time limit), or a library throws it into a thread. Its type decides
whether it ends the run (``is_interrupt`` in ``outcome.py``) or fails one Job. Whenever it arrives, no attempt may be
lost or recorded twice, no thread may wait forever, and every pending Cleanup must be called once. The engine ensures
this by seven rules. Comments cite them by number, as in "interrupt rule 3".

1. **Expect an interrupt between any two bytecodes**: within a statement, after a call and before its result is bound,
   before the first line of a ``try`` or ``finally``. Only a call into C that neither waits nor runs Python code, such
   as ``dict.pop`` with an int as key, is atomic.
2. **Record before removing.** Store an item in its new container before removing it from the old one. In between it is
   in both, so that the code that handles the interrupt finds it.
3. **Make recording idempotent.** By rule 2, an interrupted step is repeated from its start. So a record has a key (the
   index of a Job, or the sequence number of an attempt), and listeners are notified only after it is stored.
4. **Pass data between threads without locks.** An interrupt right after a lock is taken leaves it locked forever. Use
   ``queue.SimpleQueue`` and single operations of a dict: the thread that is first to set or remove a key owns the item.
5. **Give a loop that must not lose an interrupt its own function**, and catch the interrupt in the caller. CPython may
   run a signal handler on the loop's jump back, where an ``except`` around the loop does not catch its exception.
6. **Give every wait a time limit.** A signal that arrives just before a wait does not end it, and on Windows no signal
   does. After each wait, look for finished attempts that an interrupt kept from being queued.
7. **Pop a Cleanup in the call into C that calls it.** Before that call it is pending; after it, it has been called.

Tests raise an interrupt at every line of the package in turn (``tests/support/interrupts.py``).
"""
