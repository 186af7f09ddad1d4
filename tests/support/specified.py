"""Jobs that behave as a Spec says."""

from __future__ import annotations

from dojobber import Job, RunonlyJob


def specified_jobs(specs, reach):
    """Return the classes of the graph that ``specs`` describe; the last one is the root."""
    classes = {}
    for spec in specs:
        classes[spec.name] = specified_job(spec, [classes[dep] for dep in spec.deps], reach)
    return list(classes.values())


def specified_job(spec, deps, reach):
    """Return a Job class that behaves as ``spec`` says. Each of its hooks first calls ``reach(place, job)``.

    The number of its attempts is in ``global_storage``, under its name, and in ``job.number``.
    """

    def enter(job, place, own_error=None):
        reach(place, job)
        error = spec.quit_at(place, job.number) or own_error
        if error is not None:
            raise error.kind(error.text)

    def init(job):
        job.number = job.global_storage[spec.name] = job.global_storage.get(spec.name, 0) + 1
        enter(job, 'init')

    def check(job):
        place = 'recheck' if 'checked' in job.storage else 'check'
        job.storage['checked'] = True
        enter(job, place, spec.own_error(job.number, 'ran' in job.storage))
        return job.number

    def run(job):
        enter(job, 'run', spec.own_error(job.number, True) if spec.base is RunonlyJob else None)
        job.storage['ran'] = True
        return job.number

    hooks = {'__init__': init}
    if spec.base is Job:
        hooks['Check'] = check
    if spec.has_run:
        hooks.update(Run=run, Cleanup=lambda job: reach('cleanup', job))
    settings = {'DEPS': deps, 'TRIES': spec.tries, 'RETRY_DELAY': spec.delay, 'LOCKS': spec.locks}
    return type(spec.name, (spec.base,), {**settings, **hooks})
