#!/usr/bin/env python3
"""Changes a database, all of it or nothing: the Jobs share one connection, and with it one transaction.

    python examples/provision.py --set folder=shop
    python examples/migrate.py shop/data/shop.db --supplier 'Green Farm'

The first line makes a small shop to try this on. The second one has a supplier noted for each product, and says::

    OpenDatabase: changed
    AddColumn: changed
    AssignSupplier: changed
    CheckPrices: ok
    Commit: changed

Until Commit has passed, nobody else sees anything of it. If a Job fails, Commit is blocked, the Cleanup of OpenDatabase
closes the connection, and SQLite takes all changes back. Done again, there is nothing to change: a transaction is
opened and committed, and that is all.
"""

import argparse
import pathlib
import sqlite3
import sys

from dojobber import DoJobber, Job, RunonlyJob


class OpenDatabase(RunonlyJob):
    """Open the database, once for all Jobs, and keep others from changing it meanwhile.

    A connection is never there when the script starts, so there is nothing to check: a RunonlyJob. And it is Run that
    opens it, because Cleanup is called only where Run was.
    """

    def Run(self, file, wait, **options):
        # storage belongs to this try, which has to close what it has opened; global_storage belongs to all Jobs.
        self.storage['database'] = sqlite3.connect(
            f'{file.absolute().as_uri()}?mode=rw', uri=True, timeout=wait, isolation_level=None
        )
        self.storage['database'].execute('BEGIN IMMEDIATE')
        self.global_storage['database'] = self.storage['database']

    def Cleanup(self):
        if 'database' in self.storage:
            self.storage['database'].close()


class AddColumn(Job):
    """Have a place for the supplier of a product."""

    DEPS = (OpenDatabase,)

    def Check(self, **options):
        self.global_storage['database'].execute('SELECT supplier FROM product')

    def Run(self, **options):
        self.global_storage['database'].execute('ALTER TABLE product ADD COLUMN supplier TEXT')


class AssignSupplier(Job):
    """Have a supplier for each product. Those that have one keep it."""

    DEPS = (AddColumn,)

    def Check(self, **options):
        rows = self.global_storage['database'].execute('SELECT name FROM product WHERE supplier IS NULL').fetchall()
        if rows:
            raise LookupError(f'no supplier of {", ".join(name for (name,) in rows)}')

    def Run(self, supplier, **options):
        database = self.global_storage['database']
        database.execute('UPDATE product SET supplier = ? WHERE supplier IS NULL', [supplier])


class CheckPrices(Job):
    """Look whether suppliers can be paid. There is no Run: a person has to mend this."""

    DEPS = (AssignSupplier,)

    def Check(self, **options):
        rows = self.global_storage['database'].execute('SELECT name FROM product WHERE pence <= 0').fetchall()
        if rows:
            raise ValueError(f'no price of {", ".join(name for (name,) in rows)}')


class Commit(Job):
    """Make it so. This is tried only after all else has passed."""

    DEPS = (CheckPrices,)

    def Check(self, **options):
        if self.global_storage['database'].in_transaction:
            raise RuntimeError('the changes are not committed')

    def Run(self, **options):
        self.global_storage['database'].execute('COMMIT')


def main():
    """Change the database, and return the exit status."""
    parser = argparse.ArgumentParser(description='Note a supplier for each product of a shop.')
    parser.add_argument('file', type=pathlib.Path, help='the database')
    parser.add_argument('--supplier', required=True, help='of the products that have none')
    parser.add_argument('--wait', type=float, default=5, help='seconds, while others use the database (%(default)s)')
    options = parser.parse_args()

    engine = DoJobber()
    engine.configure(Commit, default_tries=1)
    engine.set_args(**vars(options))
    engine.checknrun()
    for name, outcome in engine.outcomes.items():
        print(f'{name}: {outcome.state.value}' + (f': {outcome.exception}' if outcome.exception else ''))
    return 0 if engine.success() else 1


if __name__ == '__main__':
    sys.exit(main())
