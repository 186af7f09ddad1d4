from __future__ import annotations

import json
import re

import pytest
from support.factories import chain, failing, job, make_engine, run_engine
from support.rendering import SVG, layout, picture, size, svg, texts


def leaves(count):
    return [job(f'Job{number}') for number in range(count)]


def test_a_picture_has_the_jobs_the_edges_and_the_colors(engine, renderer):
    nodes, edges = layout(engine)
    assert {name: (node['fillcolor'], node['style']) for name, node in nodes.items()} == {
        'Fine': ('#90d596', 'filled,rounded'),
        'Changed': ('#0d4a35', 'filled,rounded'),
        'Broken': ('#ff571a', 'filled,rounded'),
        'Root': ('#ffffff', 'filled,rounded,dashed'),
    }
    assert {ends: edge['color'] for ends, edge in edges.items()} == {
        ('Root', 'Fine'): '#767676',
        ('Root', 'Changed'): '#767676',
        ('Root', 'Broken'): '#c62000',
    }


def test_a_legend_with_counts_is_drawn_after_a_run_only(engine, renderer):
    legend = ['passed at the first check: 1', 'passed after its Run: 1', 'failed: 1', 'blocked: 1']
    assert [text for text in texts(svg(engine)) if ': ' in text] == legend
    engine.configure(job('Root'))
    assert texts(svg(engine)) == ['Root']


def test_the_legend_has_no_dashed_table_which_graphviz_draws_wrong(engine, renderer):
    operations = json.loads(picture(engine, 'json'))['_ldraw_']
    styles = {operation['style'] for operation in operations if operation['op'] == 'S'}
    assert all(re.fullmatch(r'solid|setlinewidth\(\d\)', style) for style in styles), styles
    fills = [operation['color'] for operation in operations if operation['op'] == 'C']
    assert {'#90d596', '#0d4a35', '#ff571a', '#ffffff'} <= set(fills)
    assert fills.count('#767676') >= 10, 'the dashes around the text for blocked Jobs'


@pytest.mark.parametrize('fmt', ['json', 'xdot', 'dot_json', 'xdot_json', 'plain', 'svg'])
def test_every_text_format_is_utf_8(engine, renderer, fmt):
    assert 'Changed' in picture(engine, fmt).decode()


def test_the_title_of_a_picture_is_the_name_of_the_root(renderer):
    engine = make_engine(job('Open the shop', [job('Leaf')]))
    assert svg(engine).find(f'{SVG}g').findtext(f'{SVG}title') == 'Open the shop'


def test_rankdir_turns_the_picture(renderer):
    engine = make_engine(chain(6, job('Leaf')))
    width, height = size(engine, rankdir='TB')
    assert width < height
    width, height = size(engine, rankdir='LR')
    assert width > height


def test_many_leaves_of_one_job_form_a_grid(renderer):
    small, large = (size(make_engine(job('Root', leaves(count)))) for count in (10, 60))
    assert large[0] < 4.5 * small[0], 'in one row it would be six times as wide'
    assert large[1] > 2 * small[1]


@pytest.mark.parametrize(('rankdir', 'axis', 'count'), [('TB', 1, 3), ('BT', 1, 3), ('LR', 0, 1), ('RL', 0, 1)])
def test_leaves_form_a_grid_only_in_vertical_pictures(renderer, rankdir, axis, count):
    nodes, _ = layout(make_engine(job('Root', leaves(30))), rankdir=rankdir)
    ranks = {float(node['pos'].split(',')[axis]) for name, node in nodes.items() if name != 'Root'}
    assert len(ranks) == count


def test_a_thousand_leaves_can_be_drawn(renderer):
    assert picture(make_engine(job('Root', leaves(1000))), 'svg').count(b'class="node"') == 1001


def test_a_job_that_blocks_hundreds_can_be_drawn(renderer):
    leaf = failing('Leaf')
    blocked = [job(f'{"long name " * 5}{number}', [leaf]) for number in range(300)]
    assert picture(run_engine(job('Root', blocked), default_tries=1), 'svg').count(b'class="node"') == 302


def test_a_thousand_jobs_in_groups_can_be_drawn(renderer):
    groups = [job(f'Group{group}', [job(f'Job{group}_{number}') for number in range(19)]) for group in range(50)]
    assert picture(make_engine(job('Root', groups)), 'svg').count(b'class="node"') == 1001
