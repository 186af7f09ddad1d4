#!/usr/bin/env python3
"""Provision a small shop: folders, a settings file, and a SQLite database with tables and first rows.

    python examples/provision.py --set folder=shop
    dojobber examples/provision.py --set folder=shop

Both commands do the same. Run one again, and it finds everything in place and changes nothing. Delete a row or a
folder, and the next run restores only that.
"""

import configparser
import contextlib
import pathlib
import sqlite3

from dojobber import Job
from dojobber.cli import main

FOLDERS = ('.', 'data', 'logs')

TABLES = {
    'product': 'CREATE TABLE product (name TEXT PRIMARY KEY, pence INTEGER NOT NULL)',
    'stock': 'CREATE TABLE stock (name TEXT PRIMARY KEY REFERENCES product, number INTEGER NOT NULL)',
}

PRODUCTS = {'apple': 45, 'bread': 180, 'coffee': 620}


class MakeFolders(Job):
    """Make the shop's folders."""

    def Check(self, folder):
        for path in (pathlib.Path(folder, name) for name in FOLDERS):
            if not path.is_dir():
                raise NotADirectoryError(f'{path} is {"a file, not a folder" if path.exists() else "missing"}')

    def Run(self, folder):
        for name in FOLDERS:
            pathlib.Path(folder, name).mkdir(parents=True, exist_ok=True)


class WriteSettings(Job):
    """Write a settings file with the path of the database, unless there is one already."""

    DEPS = (MakeFolders,)

    def Check(self, folder):
        read_settings(folder)

    def Run(self, folder):
        settings = configparser.ConfigParser()
        settings['shop'] = {'database': 'data/shop.db', 'currency': 'GBP'}
        with open(pathlib.Path(folder, 'shop.ini'), 'w', encoding='utf-8') as file:
            settings.write(file)


class CreateTables(Job):
    """Create the tables."""

    DEPS = (WriteSettings,)
    TRIES = 5  # another program may be using the database

    def Check(self, folder):
        with database(folder) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            existing = {name for (name,) in tables}
        fail_if_any(set(TABLES) - existing, 'no table')

    def Run(self, folder):
        with database(folder, 'rwc') as connection, connection:
            for statement in TABLES.values():
                connection.execute(statement.replace('TABLE', 'TABLE IF NOT EXISTS', 1))


class AddProducts(Job):
    """Add the products."""

    DEPS = (CreateTables,)

    def Check(self, folder):
        with database(folder) as connection:
            existing = {name for (name,) in connection.execute('SELECT name FROM product')}
        fail_if_any(set(PRODUCTS) - existing, 'no product')

    def Run(self, folder):
        with database(folder, 'rwc') as connection, connection:
            connection.executemany('INSERT OR IGNORE INTO product VALUES (?, ?)', PRODUCTS.items())


class CountStock(Job):
    """Record a stock of zero for each new product."""

    DEPS = (CreateTables, AddProducts)

    def Check(self, folder):
        with database(folder) as connection:
            uncounted = connection.execute('SELECT name FROM product EXCEPT SELECT name FROM stock').fetchall()
        fail_if_any({name for (name,) in uncounted}, 'no stock of')

    def Run(self, folder):
        with database(folder, 'rwc') as connection, connection:
            connection.execute('INSERT OR IGNORE INTO stock SELECT name, 0 FROM product')


class OpenShop(Job):
    """Check the shop as its customers will see it. There is no Run, because this Job changes nothing."""

    DEPS = (WriteSettings, CountStock)

    def Check(self, folder):
        with database(folder) as connection:
            faults = {fault for (fault,) in connection.execute('PRAGMA integrity_check')}
            fail_if_any(faults - {'ok'}, 'damage:')
            (number,) = connection.execute('SELECT count(*) FROM product JOIN stock USING (name)').fetchone()
        return f'{number} products'


def read_settings(folder):
    """Return the shop's settings."""
    settings = configparser.ConfigParser()
    settings.read(pathlib.Path(folder, 'shop.ini'), encoding='utf-8')
    return settings['shop']


def database(folder, mode='ro'):
    """Return a context with the open database. The mode 'rwc' allows changes and creates a missing file."""
    path = pathlib.Path(folder, read_settings(folder)['database']).absolute()
    return contextlib.closing(sqlite3.connect(f'{path.as_uri()}?mode={mode}', uri=True, timeout=0.2))


def fail_if_any(names, problem):
    """Raise LookupError if there are any names."""
    if names:
        raise LookupError(f'{problem} {", ".join(sorted(names))}')


if __name__ == '__main__':
    main(OpenShop)
