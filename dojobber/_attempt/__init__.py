"""One attempt at one Job, and the stack of pending Cleanups.

Interrupt rules
===============

An interrupt is an exception that comes from outside, at a place where the code raises none: from a signal handler
(Ctrl-C, or an application's SIGTERM handler or time limit), or thrown into a thread by a library. Its type decides
whether it ends the run (``is_interrupt`` in ``outcome.py``) or fails one Job. Whenever it comes, no attempt may be lost
or recorded twice, no thread may wait for ever, and every pending Cleanup must be called once. The engine keeps these
promises by seven rules. Comments cite them by number, as in "interrupt rule 3".

1. **Expect an interrupt between any two bytecodes**: within a statement, after a call and before its result is bound,
   before the first line of a ``try`` or ``finally``. Only a call into C that neither waits nor runs Python code, such
   as ``dict.pop`` with an int as key, happens as a whole.
2. **Record before removing.** Nothing leaves a container before it is stored where it goes. In between it is in both,
   and whoever looks for what an interrupt has left finds it.
3. **Record so that doing it twice changes nothing.** By rule 2, an interrupted step is repeated from its start. So
   records have keys, the index of a Job or the sequence number of an attempt, and announcements follow the record.
4. **Hand over without locks.** An interrupt right after a lock is taken leaves it locked for ever. Threads hand over
   through ``queue.SimpleQueue`` and single operations of a dict: who removes a key owns what it stands for.
5. **A loop that must not lose an interrupt is a function of its own**, and its caller catches. CPython may run a signal
   handler on the loop's jump back, where an ``except`` around the loop does not catch what it raises.
6. **Poll every wait.** A signal that arrives just before a wait does not end it, and on Windows no signal does. So
   every wait has a time limit, and looks afterwards for what an interrupt has kept from being announced.
7. **Pop a Cleanup in the call into C that calls it.** Before that call it is pending; afterwards it has been called.

Tests raise an interrupt at every line of the package in turn (``tests/support/interrupts.py``).
"""
