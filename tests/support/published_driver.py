"""Run graphs with whichever ``dojobber`` is installed: reads a JSON spec per line, writes a JSON report per line."""

import contextlib
import io
import json
import sys


def build(dojobber, spec):
    """Return the root of a graph whose Jobs count their attempts and pass in the specified one."""
    bases = {'Job': dojobber.Job, 'RunonlyJob': dojobber.RunonlyJob, 'DummyJob': dojobber.DummyJob}
    classes = {}
    for job in spec:

        def count(self, job=job):
            counts = self.global_storage.setdefault('counts', {})
            counts[job['name']] = counts.get(job['name'], 0) + 1

        def fails(self, job=job):
            return self.global_storage['counts'][job['name']] < job['passes_at']

        def check(self, *args, **kwargs):
            rechecking = 'checked' in self.storage
            self.storage['checked'] = True
            if not rechecking:
                self.count()
            if self.fails() or (self.needs_run and not rechecking):
                raise ValueError(f'{type(self).__name__} {self.global_storage["counts"]}')
            return [args, kwargs, self.global_storage['counts'][type(self).__name__]]

        def run(self, *args, **kwargs):
            if isinstance(self, dojobber.RunonlyJob):
                self.count()
                if self.fails():
                    raise ValueError(f'{type(self).__name__} did not run')
            return type(self).__name__

        members = {
            'DEPS': [classes[dep] for dep in job['deps']],
            'count': count,
            'fails': fails,
            'needs_run': job['needs_run'],
        }
        if job['tries'] is not None:
            members['TRIES'] = job['tries']
        if job['base'] == 'Job':
            members['Check'] = check
        if job['base'] != 'DummyJob':
            members['Run'] = run
        classes[job['name']] = type(job['name'], (bases[job['base']],), members)
    return classes[spec[-1]['name']]


def report(dojobber, spec, no_act):
    """Run a graph and return what it printed and recorded."""
    engine = dojobber.DoJobber()
    engine.configure(build(dojobber, spec), no_act=no_act, verbose=True, default_tries=2, default_retry_delay=0)
    engine.set_args('argument', keyword='value')
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        engine.checknrun()
    return {
        'lines': stderr.getvalue().splitlines(),
        'status': engine.nodestatus,
        'results': engine.noderesults,
        'failed': {
            name: str(error) for name, error in engine.nodeexceptions.items() if engine.nodestatus[name] is False
        },
        'verdict': [bool(verdict()) for verdict in (engine.success, engine.partial_success, engine.failure)],
        'edges': sorted(engine.graph.edges()),
        # 0.6.3 adds a color for each attempt; the last one counts.
        'colors': {name: dict(engine.graph.node_attributes(name)) for name in sorted(engine.graph.nodes())},
    }


if __name__ == '__main__':
    with contextlib.redirect_stderr(io.StringIO()):  # 0.6.3 prints when it is imported
        import dojobber
    for line in sys.stdin:
        json.dump(report(dojobber, **json.loads(line)), sys.stdout)
        sys.stdout.write('\n')
