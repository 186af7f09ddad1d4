from __future__ import annotations

import json
import re
import shutil
import subprocess

import dojobber_example as example
import pytest
from support.factories import changing, failing, job, make_engine, run_engine
from support.names import NAMES, job_named
from support.rendering import picture

from dojobber import DummyJob, GraphError, RunonlyJob
from dojobber._draw.mermaid import MAX_CHARACTERS, MAX_EDGES

PARSE = """
import { JSDOM } from 'jsdom';
const { window } = new JSDOM('');
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import('mermaid');
let text = '';
for await (const chunk of process.stdin) text += chunk;
await mermaid.parse(text);
const graph = (await mermaid.mermaidAPI.getDiagramFromText(text)).db;
console.log(JSON.stringify({
    nodes: [...graph.getVertices().values()].map(node => [node.id, node.text]),
    edges: graph.getEdges().map(edge => [edge.start, edge.end]),
    limits: [mermaid.mermaidAPI.defaultConfig.maxEdges, mermaid.mermaidAPI.defaultConfig.maxTextSize],
}));
"""


def mermaid(engine, **options):
    return picture(engine, 'mermaid', **options).decode()


def test_a_flowchart_has_every_job_in_its_shape_and_colors_and_every_edge():
    runs = type('Runs', (RunonlyJob,), {'Run': lambda self: None})
    group = type('Group', (DummyJob,), {'DEPS': [runs]})
    engine = run_engine(job('Root', [group, changing('Changed'), failing('Broken')]), default_tries=2)
    assert mermaid(engine) == (
        'flowchart TB\n'
        '    j0{{"Runs"}}:::passed_after_its_Run\n'
        '    j1(["Group"]):::passed_at_the_first_check\n'
        '    j2("Changed"):::passed_after_its_Run\n'
        '    j3("Broken<br/>#40;2 tries#41;<br/>Broken is not done"):::failed\n'
        '    j4("Root"):::blocked\n'
        '    j1 --> j0\n'
        '    j4 --> j1\n'
        '    j4 --> j2\n'
        '    j4 --> j3\n'
        '    classDef passed_after_its_Run fill:#0d4a35,color:#ffffff,stroke:#0d4a35,stroke-width:1px\n'
        '    classDef passed_at_the_first_check fill:#90d596,color:#000000,stroke:#2f7d3b,stroke-width:1px\n'
        '    classDef failed fill:#ff571a,color:#000000,stroke:#7a0c00,stroke-width:3px\n'
        '    classDef blocked fill:#ffffff,color:#4a4a4a,stroke:#767676,stroke-width:1px,stroke-dasharray:5 5\n'
        '    linkStyle default stroke:#767676\n'
        '    linkStyle 3 stroke:#c62000,stroke-width:3px\n'
    )


def test_characters_with_a_meaning_in_mermaid_become_entity_codes():
    label = re.search(r'j0\("(.*)"\)', mermaid(make_engine(job('a"b#c&<d>`e`\n\x1bé日 %'))))
    assert label.group(1) == 'a#34;b#35;c#38;#60;d#62;#96;e#96;<br/>#92;x1bé日 #37;'


@pytest.mark.parametrize(
    ('name', 'label'),
    [
        ('web-1.example.net/a,b=c', 'web-1.example.net/a,b=c'),
        ('- item', '#45; item'),
        ('  - item', '  #45; item'),
        ('2. step', '2#46; step'),
        ('title\n=====', 'title<br/>#61;===='),
        ('title\n---', 'title<br/>#45;--'),
        ('/slash/', '#47;slash/'),
        ('www.example.net', 'www#46;example.net'),
        ('__init__', '#95;#95;init#95;#95;'),
        ('snake_case', 'snake_case'),
        ('fa:fa-user', 'fa#58;fa-user'),
    ],
)
def test_punctuation_of_names_becomes_an_entity_code_only_where_it_has_a_meaning(name, label):
    assert f'j0("{label}")' in mermaid(make_engine(job(name)))


def test_a_single_job_with_an_empty_name_can_be_drawn():
    assert 'j0(" ")' in mermaid(make_engine(job('')))
    assert 'linkStyle' not in mermaid(make_engine(job('')))


def test_rankdir_turns_the_flowchart():
    assert mermaid(make_engine(job('Root')), rankdir='LR').startswith('flowchart LR\n')


def test_more_than_500_edges_are_refused():
    leaves = [job(f'Leaf{number}') for number in range(501)]
    assert mermaid(make_engine(job('Root', leaves[:500]))).count('-->') == 500
    with pytest.raises(GraphError, match='at most 500 edges; this graph has 501') as caught:
        mermaid(make_engine(job('Root', leaves)))
    assert caught.value.culprit == 'mermaid'


def test_characters_are_counted_as_in_javascript():
    # JavaScript counts characters above U+FFFF twice.
    def leaves(letter):
        return [job(letter * 100 + f'{number:03}') for number in range(300)]

    assert len(mermaid(make_engine(job('Root', leaves('x'))))) < 50_000
    with pytest.raises(GraphError, match=r'at most 50000 characters; this graph takes \d{5}: use svg') as caught:
        mermaid(make_engine(job('Root', leaves('\N{CJK UNIFIED IDEOGRAPH-20000}'))))
    assert caught.value.culprit == 'mermaid'


def test_more_than_50_000_characters_are_refused():
    leaves = [job('x' * 1400 + f'{number:02}') for number in range(34)]

    def engine_of_name(length):
        return make_engine(job('Root', [*leaves, job('y' * length)]))

    length = 50_000 - len(mermaid(engine_of_name(1))) + 1
    assert len(mermaid(engine_of_name(length))) == 50_000
    with pytest.raises(GraphError, match='this graph takes 50001'):
        mermaid(engine_of_name(length + 1))


@pytest.mark.npm
def test_mermaid_itself_parses_the_flowchart(tmp_path):
    npm, node = shutil.which('npm'), shutil.which('node')
    if not npm or not node:
        pytest.skip('needs Node.js with npm')
    command = [npm, 'install', '--no-audit', '--no-fund', 'mermaid', 'jsdom']
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=600)
    (tmp_path / 'parse.mjs').write_text(PARSE, encoding='utf-8')

    def parsed(engine):
        command, text = [node, 'parse.mjs'], mermaid(engine).encode()
        done = subprocess.run(command, cwd=tmp_path, input=text, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    engine = make_engine(example.WatchMovie)
    engine.set_args(movie='MST3K')
    engine.checknrun()
    graph = parsed(engine)
    assert len(graph['nodes']) == len(engine.nodestatus)
    assert len(graph['edges']) == len(engine.graph.edges())
    assert graph['limits'] == [MAX_EDGES, MAX_CHARACTERS]

    leaves = [job_named(name) for name in dict.fromkeys(NAMES)]
    assert len(parsed(make_engine(job('Root', leaves)))['edges']) == len(leaves)
