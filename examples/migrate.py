#!/usr/bin/env python3
"""Change a database completely or not at all: the Jobs share one connection, and thus one transaction.

    python examples/provision.py --set folder=shop
    python examples/migrate.py shop/data/shop.db --supplier 'Green Farm'

The first line creates a small shop to try this on. The second one assigns a supplier to each product and prints::

    OpenDatabase: changed
    AddColumn: changed
    AssignSupplier: changed
    CheckPrices: ok
    Commit: changed

Other programs see none of the changes until Commit passes. If a Job fails, Commit is blocked, the Cleanup of
OpenDatabase closes the connection, and SQLite rolls all changes back. A second run opens and commits a transaction, but
changes nothing.
"""

import argparse
import pathlib
import sqlite3
import sys

from dojobber import DoJobber, Job, RunonlyJob


class OpenDatabase(RunonlyJob):
    """Open the database once for all Jobs, and keep other programs from changing it meanwhile.

    This is a RunonlyJob because there is nothing to check: no connection is open when the script starts. Run opens it,
    not Check, because Cleanup is called only after a Run.
    """

    def Run(self, file, wait, **options):
        # storage belongs to this attempt, which must close what it has opened; all Jobs share global_storage.
        self.storage['database'] = sqlite3.connect(
            f'{file.absolute().as_uri()}?mode=rw', uri=True, timeout=wait, isolation_level=None
        )
        self.storage['database'].execute('BEGIN IMMEDIATE')
        self.global_storage['database'] = self.storage['database']

    def Cleanup(self):
        if 'database' in self.storage:
            self.storage['database'].close()


class AddColumn(Job):
    """Add a column for the supplier of a product."""

    DEPS = (OpenDatabase,)

    def Check(self, **options):
        self.global_storage['database'].execute('SELECT supplier FROM product')

    def Run(self, **options):
        self.global_storage['database'].execute('ALTER TABLE product ADD COLUMN supplier TEXT')


class AssignSupplier(Job):
    """Assign a supplier to each product that has none."""

    DEPS = (AddColumn,)

    def Check(self, **options):
        rows = self.global_storage['database'].execute('SELECT name FROM product WHERE supplier IS NULL').fetchall()
        if rows:
            raise LookupError(f'no supplier for {", ".join(name for (name,) in rows)}')

    def Run(self, supplier, **options):
        database = self.global_storage['database']
        database.execute('UPDATE product SET supplier = ? WHERE supplier IS NULL', [supplier])


class CheckPrices(Job):
    """Check that every product has a price. There is no Run, because only a person can set one."""

    DEPS = (AssignSupplier,)

    def Check(self, **options):
        rows = self.global_storage['database'].execute('SELECT name FROM product WHERE pence <= 0').fetchall()
        if rows:
            raise ValueError(f'no price for {", ".join(name for (name,) in rows)}')


class Commit(Job):
    """Commit the changes. This Job runs only after all others have passed."""

    DEPS = (CheckPrices,)

    def Check(self, **options):
        if self.global_storage['database'].in_transaction:
            raise RuntimeError('the changes are not committed')

    def Run(self, **options):
        self.global_storage['database'].execute('COMMIT')


def main():
    """Change the database and return the exit status."""
    parser = argparse.ArgumentParser(description='Assign a supplier to each product of a shop.')
    parser.add_argument('file', type=pathlib.Path, help='SQLite database to change')
    parser.add_argument('--supplier', required=True, help='supplier of the products that have none')
    parser.add_argument('--wait', type=float, default=5, help='seconds to wait for the database (default: %(default)g)')
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
