"""Work graphs with whichever ``dojobber`` is imported: one JSON spec a line in, one JSON report a line out."""

import contextlib
import io
import json
import sys


def build(dojobber, spec):
    """Return the root of a graph; each Job counts its tries and passes at the one that is asked for."""
    bases = {'Job': dojobber.Job, 'RunonlyJob': dojobber.RunonlyJob, 'DummyJob': dojobber.DummyJob}
    classes = {}
    for one in spec:

        def count(self, one=one):
            counts = self.global_storage.setdefault('counts', {})
            counts[one['name']] = counts.get(one['name'], 0) + 1

        def fails(self, one=one):
            return self.global_storage['counts'][one['name']] < one['passes_at']

        def check(self, *args, **kwargs):
            rechecking = 'checked' in self.storage
            self.storage['checked'] = True
            if not rechecking:
                self.count()
            if self.fails() or (self.runs and not rechecking):
                raise ValueError(f'{type(self).__name__} {self.global_storage["counts"]}')
            return [args, kwargs, self.global_storage['counts'][type(self).__name__]]

        def run(self, *args, **kwargs):
            if isinstance(self, dojobber.RunonlyJob):
                self.count()
                if self.fails():
                    raise ValueError(f'{type(self).__name__} did not run')
            return type(self).__name__

        members = {'DEPS': [classes[dep] for dep in one['deps']], 'count': count, 'fails': fails, 'runs': one['runs']}
        if one['tries'] is not None:
            members['TRIES'] = one['tries']
        if one['base'] == 'Job':
            members['Check'] = check
        if one['base'] != 'DummyJob':
            members['Run'] = run
        classes[one['name']] = type(one['name'], (bases[one['base']],), members)
    return classes[spec[-1]['name']]


def report(dojobber, spec, no_act):
    """Work one graph and return what was printed and remembered."""
    engine = dojobber.DoJobber()
    engine.configure(build(dojobber, spec), no_act=no_act, verbose=True, default_tries=2, default_retry_delay=0)
    engine.set_args('argument', keyword='value')
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        engine.checknrun()
    return {
        'lines': printed.getvalue().splitlines(),
        'status': engine.nodestatus,
        'results': engine.noderesults,
        'failed': {
            name: str(error) for name, error in engine.nodeexceptions.items() if engine.nodestatus[name] is False
        },
        'verdict': [bool(verdict()) for verdict in (engine.success, engine.partial_success, engine.failure)],
        'edges': sorted(engine.graph.edges()),
        # The published one adds a colour at each try; the last one counts.
        'colors': {name: dict(engine.graph.node_attributes(name)) for name in sorted(engine.graph.nodes())},
    }


if __name__ == '__main__':
    with contextlib.redirect_stderr(io.StringIO()):  # the published one prints when it is imported
        import dojobber
    for line in sys.stdin:
        json.dump(report(dojobber, **json.loads(line)), sys.stdout)
        sys.stdout.write('\n')
