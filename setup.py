"""Build and install DoJobber."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION: dict = {}
exec((HERE / 'dojobber' / '__version__.py').read_text(encoding='utf-8'), VERSION)

setup(
    name='dojobber',
    version=VERSION['__version__'],
    description='Work a graph of small idempotent jobs: check, run, recheck, retry, clean up, and draw what happened.',
    long_description=(HERE / 'README.rst').read_text(encoding='utf-8'),
    long_description_content_type='text/x-rst',
    license='MIT',
    license_files=['LICENSE'],
    author='The DoJobber developers',
    keywords=[
        'automation',
        'dag',
        'dependency graph',
        'deployment',
        'devops',
        'graphviz',
        'idempotent',
        'jobs',
        'orchestration',
        'provisioning',
        'retry',
        'sysadmin',
        'tasks',
        'workflow',
    ],
    classifiers=[
        'Development Status :: 5 - Production/Stable',
        'Intended Audience :: Developers',
        'Intended Audience :: System Administrators',
        'Operating System :: MacOS',
        'Operating System :: Microsoft :: Windows',
        'Operating System :: POSIX',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3 :: Only',
        'Programming Language :: Python :: 3.9',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Programming Language :: Python :: 3.14',
        'Programming Language :: Python :: 3.15',
        'Topic :: Software Development :: Build Tools',
        'Topic :: Software Development :: Libraries :: Python Modules',
        'Topic :: System :: Installation/Setup',
        'Topic :: System :: Systems Administration',
        'Typing :: Typed',
    ],
    packages=find_packages(include=['dojobber', 'dojobber.*']),
    package_data={'dojobber': ['py.typed']},
    python_requires='>=3.9',
    install_requires=[
        'python-graph-core',  # the digraph that engine.graph is
        'python-graph-dot',  # writes it as DOT
    ],
    entry_points={'console_scripts': ['dojobber = dojobber.cli:command']},
    extras_require={
        'cli': ['rich'],  # the command's bar and colours, without escape sequences of our own
        'render': ['graphviz-pure'],  # draws pictures where Graphviz is not installed
        'remote': ['cloudpickle'],  # sends Jobs to other processes, also those that cannot be imported there
        'dask': ['cloudpickle', 'distributed'],  # a cluster to send them to
    },
    zip_safe=False,
)
