#!/usr/bin/env python3
"""Watch a movie with friends: an example of DoJobber to learn from, and a script to play with.

Each class below is a Job: one small step that may safely run twice. ``DEPS`` lists the Jobs that must pass first,
``Check`` tests whether the step is already done, and ``Run`` does it. DoJobber finds the order. Read from top to
bottom: the graph grows from its leaves to the root, WatchMovie.

Try these::

    tests/dojobber_example.py -v
    tests/dojobber_example.py -v --battery_state charged --couch_space
    tests/dojobber_example.py -n --movie Zardoz --png_output movie_night.png
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, Callable

from dojobber import DoJobber, DummyJob, GraphError, Job, RunonlyJob

logger = logging.getLogger('movie_night')


class CleanCouch(Job):
    """Remove the crumbs and the cat hair.

    ``self.storage`` belongs to one attempt of one Job: the recheck finds what Run has stored there.
    """

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass once Run has dusted."""
        if not self.storage.get('couch_is_clean'):
            raise RuntimeError('There is cat hair on the couch.')

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Dust the couch, and keep the dict in which Cleanup records that the duster was returned."""
        # All Jobs share self.global_storage. The unit tests pass a dict and look into it after the cleanup.
        self.global_storage['unittest_dict'] = kwargs.get('unittest_dict', {})
        self.storage['couch_is_clean'] = True

    def Cleanup(self) -> None:
        """Return the duster. This is called at the end of the run, because Run was called."""
        self.global_storage['unittest_dict']['duster_returned'] = True


class FindTVRemote(Job):
    """Look between the cushions. This Job has no Run, because there is nothing to do: it only checks."""

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass: the remote was there."""


class FluffPillows(RunonlyJob):
    """Fluff the pillows. Nothing can check whether they are fluffy, so this is a RunonlyJob: it runs every time."""

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Pass, because this raises nothing."""
        logger.info('fluffing pillows')


class PickTimeAndDate(Job):
    """Agree on a time, and store it where Jobs that depend on this one can find it."""

    def Check(self, *args: Any, **kwargs: Any) -> datetime.datetime:
        """Pass when a date is set. ``noderesults`` holds what Check returns."""
        if 'Start-DateTime' not in self.global_storage:
            raise RuntimeError('No date has been picked yet.')
        start: datetime.datetime = self.global_storage['Start-DateTime']
        return start

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Pick eight o'clock tomorrow evening."""
        tomorrow = datetime.date.today() + datetime.timedelta(days=1)
        self.global_storage['Start-DateTime'] = datetime.datetime.combine(tomorrow, datetime.time(20))


class ValidateMovie(Job):
    """Make sure that this movie is worth the evening. Arguments come from ``set_args()``, see main() below."""

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass for the good ones."""
        movie = kwargs.get('movie')
        if movie not in ('Noises Off', 'MST3K', 'Babylon 5'):
            raise RuntimeError(f'{movie} is not a movie we want to watch.')


class InsertDVD(Job):
    """Put the disc in. ``DEPS`` may be a tuple or a list."""

    DEPS = (ValidateMovie,)

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass: the tray closed."""


class PrepareRoom(DummyJob):
    """Get the room ready. A DummyJob does nothing itself: it groups the Jobs in its DEPS under one name."""

    DEPS = (CleanCouch, FluffPillows)


class PopcornBowl(Job):
    """Wait for the dishwasher.

    A Job that fails is attempted again after all others, up to ``TRIES`` times. Each attempt is a new instance with an
    empty ``storage``, so anything that must outlive an attempt goes into ``global_storage``.
    """

    TRIES = 6

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass once Run has been called often enough."""
        if self.global_storage.get('bowl_runs', 0) < _passing_attempt(kwargs, 'bowl_success_try', self.TRIES):
            raise RuntimeError('Dishwasher cycle not done yet.')

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Wait a little more."""
        self.global_storage['bowl_runs'] = self.global_storage.get('bowl_runs', 0) + 1


class Popcorn(Job):
    """Make the popcorn, which takes its time, like the bowl."""

    DEPS = (PopcornBowl,)
    TRIES = PopcornBowl.TRIES - 3

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass once Run has been called often enough."""
        if self.global_storage.get('popcorn_runs', 0) < _passing_attempt(kwargs, 'pop_success_try', self.TRIES):
            raise RuntimeError('Still popping...')

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Listen to it pop."""
        self.global_storage['popcorn_runs'] = self.global_storage.get('popcorn_runs', 0) + 1


class Pizza(RunonlyJob):
    """Order a pizza. A RunonlyJob fails when its Run raises, and is retried like any other."""

    TRIES = 3

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Look out for the delivery."""
        self.global_storage['pizza_runs'] = self.global_storage.get('pizza_runs', 0) + 1
        if self.global_storage['pizza_runs'] < _passing_attempt(kwargs, 'pizza_success_try', self.TRIES):
            raise RuntimeError("Giordano's did not arrive yet.")


class Food(DummyJob):
    """Have something to eat."""

    DEPS = (Popcorn, Pizza)


class SitOnCouch(Job):
    """Find a seat. Run cannot make the couch longer, so this fails unless an option says that there is space."""

    DEPS = (PrepareRoom,)

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass if there is space."""
        if not kwargs.get('couch_space'):
            raise RuntimeError('No space on couch.')

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Ask the cat to move over, in vain."""


class DetermineDetails(DummyJob):
    """Settle what to watch, and when."""

    DEPS = (ValidateMovie, PickTimeAndDate)


class SendInvite(Job):
    """Invite a friend. This class is not in the graph: invite_friends() derives a Job from it for each friend."""

    DEPS = (DetermineDetails,)
    EMAIL: str | None = None
    NAME: str | None = None

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass once the invitation has been sent."""
        if self.EMAIL not in self.global_storage.get('invited', ()):
            raise RuntimeError(f'{self.NAME} has not been invited yet.')

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Send the invitation."""
        logger.info('inviting %s <%s>', self.NAME, self.EMAIL)
        self.global_storage.setdefault('invited', set()).add(self.EMAIL)


class InviteFriends(DummyJob):
    """Invite everybody. Its ``DEPS`` is a list, so that it can grow before configure() reads it."""

    DEPS = [DetermineDetails]


def invite_friends(people: Sequence[dict[str, str]]) -> None:
    """Add a Job for each of ``people``, dicts with 'name' and 'email', to the DEPS of InviteFriends."""
    for person in people:
        name = f'Invite {person["name"]}'
        if name not in [job.__name__ for job in InviteFriends.DEPS]:
            InviteFriends.DEPS.append(type(name, (SendInvite,), {'NAME': person['name'], 'EMAIL': person['email']}))


class FriendsArrive(Job):
    """Open the door."""

    DEPS = (InviteFriends,)

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass: they are on time."""


class TurnOnTV(Job):
    """Press the button of the remote. Somebody should have charged its batteries."""

    DEPS = (FindTVRemote,)

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass if the remote has power."""
        if kwargs.get('battery_state') != 'charged':
            raise RuntimeError('Remote batteries are dead.')

    def Run(self, *args: Any, **kwargs: Any) -> None:
        """Press it harder."""


class StartMovie(Job):
    """Press play. A Job is attempted only after all its ``DEPS`` have passed. If one of them fails, it is blocked."""

    DEPS = (FriendsArrive, PrepareRoom, TurnOnTV, InsertDVD, SitOnCouch, Food)

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass: the movie is playing."""


class WatchMovie(Job):
    """The root. The graph consists of this Job and everything that it depends on, directly or not."""

    DEPS = (StartMovie,)

    def Check(self, *args: Any, **kwargs: Any) -> None:
        """Pass: enjoy."""


def _passing_attempt(kwargs: dict[str, Any], name: str, tries: int) -> int:
    """Return the number of the attempt that passes: the argument called ``name``, by default the last attempt."""
    return tries if kwargs.get(name) is None else int(kwargs[name])


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('-n', '--no-act', action='store_true', help='check, but change nothing')
    parser.add_argument('-v', '--verbose', action='store_true', help='print a line for each check, run and recheck')
    parser.add_argument('-d', '--debug', action='store_true', help='also print the traceback of each failure')
    parser.add_argument('--app-logs', action='store_true', help='show the log messages of the Jobs')
    parser.add_argument(
        '--x11', action=argparse.BooleanOptionalAction, default=True, help='show the graph on the screen'
    )
    parser.add_argument('--display_prerungraph', action='store_true', help='show the graph before the run as well')
    parser.add_argument('--png_output', metavar='FILE', help='write the graph to this PNG file')
    parser.add_argument(
        '--movie', default='Noises Off', choices=('Noises Off', 'MST3K', 'Babylon 5', 'Zardoz'), help='what to watch'
    )
    parser.add_argument(
        '--battery_state', default='dead', choices=('dead', 'charged'), help="charge of the remote's batteries"
    )
    parser.add_argument('--couch_space', action='store_true', help='there is a free seat on the couch')
    for option, job in ('pop', Popcorn), ('bowl', PopcornBowl), ('pizza', Pizza):
        parser.add_argument(
            f'--{option}_success_try', type=int, metavar='N', help=f'{job.__name__} passes in attempt N of {job.TRIES}'
        )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch a movie and return the exit status: 0 if everything passed and was drawn."""
    options = parse_arguments(arguments)
    if options.app_logs:
        logging.basicConfig(level=logging.INFO)

    invite_friends(
        [
            {'name': 'Wendell Bagg', 'email': 'bagg@example.com'},
            {'name': 'Lawyer Cat', 'email': 'lawyercat@example.com'},
        ]
    )

    engine = DoJobber()
    engine.configure(
        WatchMovie,
        no_act=options.no_act,
        verbose=options.verbose,
        debug=options.debug,
        default_retry_delay=0,
    )
    # Every Check and Run receives all options as keyword arguments.
    engine.set_args(**vars(options))

    has_screen = options.x11 and bool(os.environ.get('DISPLAY'))
    if options.display_prerungraph and has_screen:
        draw(engine.display_graph)
    engine.checknrun()
    if has_screen:
        draw(engine.display_graph)
    drawn = not options.png_output or draw(lambda: engine.write_graph(options.png_output, 'png'))
    return 0 if engine.success() and drawn else 1


def draw(picture: Callable[[], None]) -> bool:
    """Call ``picture``. If it cannot be drawn, print the error and return False."""
    try:
        picture()
    except (GraphError, OSError) as error:
        print(f'{sys.argv[0]}: {error}', file=sys.stderr)
        return False
    return True


if __name__ == '__main__':
    sys.exit(main())
