#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws what `./dev bench` has measured.

usage: draw.py FIGURES.json FOLDER

Writes performance.svg, or performance-growth.svg if the figures are those of `./dev bench growth`.
If there is a performance.md in the folder, its table between the two markers is written anew.

The figures of workloads are an object with

    format       1; another number if this changes
    rounds       how often each contestant was run
    quick        whether with less data
    supervisor   rss_kib and private_kib, the memory of one
    workloads    each with name, description, size and touched (bytes), and
        contestants  each with name; median, low and high, the quartiles of the seconds of one
                     iteration; peak_kib, the memory of its process less what was touched; times,
                     the number of iterations
        ratios       each with name and against, two contestants, and ratio, that of their medians;
                     where something is aimed at also at_most, and met, which is true or false

and those of growth have, instead of the last two,

    growth       each with name, description, and
        points       each with size, name (of the contestant), median (seconds; growth_pipes:
                     bytes) of all of that size, and peak_kib
"""

import json
import math
import pathlib
import re
import sys
from xml.sax.saxutils import escape

FONT = "system-ui, -apple-system, 'Segoe UI', Cantarell, 'DejaVu Sans', sans-serif"
WIDTH = 720

# class: light, dark
COLORS = {
    'ground': ('#ffffff', '#1e1e1e'),
    'text': ('#241f31', '#f6f5f4'),
    'soft': ('#5e5c64', '#c0bfbc'),
    'grid': ('#deddda', '#3d3846'),
    'one': ('#77767b', '#9a9996'),
    'gopipe': ('#1a5fb4', '#62a0ea'),
    'gopipe-exec': ('#99c1f1', '#1a5fb4'),
    'floor': ('#77767b', '#9a9996'),
    'gsubprocess': ('#c64600', '#ffa348'),
    'libpipeline': ('#1e7d3c', '#57e389'),
    'bash': ('#813d9c', '#dc8add'),
    'python': ('#a51d2d', '#f66151'),
}

PEERS = {
    'gsubprocess': 'GSubprocess',
    'libpipeline': 'libpipeline',
    'bash': 'bash',
    'python': 'Python',
}


def style():
    def rules(index):
        return ''.join(f'.{name}{{fill:{pair[index]}}}'
                       f'.{name}-line{{stroke:{pair[index]};fill:none}}'
                       for name, pair in COLORS.items()) + \
            f".mark{{stroke:{COLORS['ground'][index]}}}"
    return (f'<style>text{{font-family:{FONT};font-size:12px}}.mark{{stroke-width:1}}{rules(0)}'
            f'@media (prefers-color-scheme: dark){{{rules(1)}}}</style>')


class Picture:
    def __init__(self, height, description):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img">',
            f'<title>{escape(description)}</title>',
            style(),
            f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
        ]

    def text(self, x, y, words, color='text', anchor='start', bold=False):
        weight = ' font-weight="600"' if bold else ''
        self.parts.append(f'<text class="{color}" x="{x:.1f}" y="{y:.1f}" '
                          f'text-anchor="{anchor}"{weight}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, color='grid', width=1):
        self.parts.append(f'<path class="{color}-line" stroke-width="{width}" '
                          f'd="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>')

    def curve(self, points, color):
        path = 'L'.join(f'{x:.1f} {y:.1f}' for x, y in points)
        self.parts.append(f'<path class="{color}-line" stroke-width="2" d="M{path}"/>')
        for x, y in points:
            self.parts.append(f'<circle class="{color}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')

    def bar(self, x1, x2, y, height, color):
        self.parts.append(f'<rect class="{color}" x="{min(x1, x2):.1f}" y="{y:.1f}" '
                          f'width="{max(abs(x2 - x1), 1.5):.1f}" height="{height}"/>')

    def mark(self, x, y, name):
        """A shape of its own for each, for those who do not see the colours"""
        shapes = {
            'gsubprocess': 'm-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z',
            'libpipeline': 'm-4 -4h8v8h-8z',
            'bash': 'm0 -5l5 9h-10z',
            'python': 'm0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z',
        }
        self.parts.append(f'<path class="{name} mark" d="M{x:.1f} {y:.1f}{shapes[name]}"/>')

    def finish(self):
        return '\n'.join(self.parts + ['</svg>', ''])


class LogAxis:
    def __init__(self, low, high, left, right):
        self.low = math.floor(math.log10(low))
        self.high = max(math.ceil(math.log10(high)), self.low + 1)
        self.left, self.right = left, right

    def place(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.left + part * (self.right - self.left)

    def ticks(self):
        return [10.0 ** power for power in range(self.low, self.high + 1)]


def medians(workload):
    return {contestant['name']: contestant['median'] for contestant in workload['contestants']}


def relative(workload):
    """Every time as a multiple of the floor's, or of the only peer's where there is no floor"""
    times = medians(workload)
    base = times.get('floor') or times.get('gsubprocess')
    return {name: time / base for name, time in times.items()} if base else {}


def draw_workloads(figures):
    rows = [(workload, relative(workload)) for workload in figures['workloads']]
    rows = [(workload, ratios) for workload, ratios in rows if ratios]
    values = [ratio for _, ratios in rows for name, ratio in ratios.items() if name in COLORS]
    axis = LogAxis(min(values + [1]), max(values + [1]), 180, WIDTH - 24)
    top, step = 74, 22
    bottom = top + step * len(rows)
    picture = Picture(bottom + 34, 'The time of each contestant as a multiple of that of bare C')

    picture.text(16, 26, 'Time, as a multiple of that of bare C (to the left is faster)', bold=True)
    draw_legend(picture)
    for tick in axis.ticks():
        x = axis.place(tick)
        picture.line(x, top - 6, x, bottom, 'one' if tick == 1 else 'grid', 1.5 if tick == 1 else 1)
        picture.text(x, bottom + 18, f'{tick:g}', 'soft', 'middle')
    for number, (workload, ratios) in enumerate(rows):
        middle = top + step * number + step / 2
        name = workload['name'] if 'floor' in ratios else f"{workload['name']} *"
        picture.text(168, middle + 4, name, anchor='end')
        exec_too = 'gopipe-exec' in ratios
        if exec_too:
            picture.bar(axis.place(1), axis.place(ratios['gopipe-exec']), middle, 6, 'gopipe-exec')
        picture.bar(axis.place(1), axis.place(ratios['gopipe']), middle - (6 if exec_too else 5),
                    6 if exec_too else 10, 'gopipe')
        for peer in PEERS:
            if peer in ratios:
                picture.mark(axis.place(ratios[peer]), middle, peer)
    picture.text(16, bottom + 18, '* the peer is 1', 'soft')
    return picture.finish()


def draw_legend(picture):
    picture.bar(16, 36, 42, 10, 'gopipe')
    picture.text(42, 52, 'gopipe')
    picture.bar(100, 120, 42, 10, 'gopipe-exec')
    picture.text(126, 52, 'without supervisor')
    for number, (peer, title) in enumerate(PEERS.items()):
        picture.mark(270 + 110 * number, 47, peer)
        picture.text(282 + 110 * number, 52, title)


def format_size(size):
    for unit, factor in (('G', 2**30), ('M', 2**20), ('K', 2**10)):
        if size >= factor:
            return f'{size / factor:g}{unit}'
    return f'{size:g}'


def draw_panel(picture, left, top, title, unit, curves, x_format, logarithmic=False, limit=None):
    """curves: a list of name (a colour), label and points"""
    width, height = 300, 150
    points = [point for _, _, curve in curves for point in curve]
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    highest = max([y for _, y in points] + ([limit] if limit else [])) * 1.1

    def x_place(x):
        part = math.log(x / low) / math.log(high / low)
        return left + 44 + part * (width - 50)

    if logarithmic:
        y_axis = LogAxis(min(y for _, y in points), highest, top + height, top)
        ticks, y_place = y_axis.ticks(), y_axis.place
    else:
        nice = 10.0 ** math.floor(math.log10(highest))
        nice = next(nice * factor for factor in (0.2, 0.5, 1, 2) if highest / (nice * factor) <= 5)
        ticks = [nice * number for number in range(int(highest / nice) + 1)]
        def y_place(y):
            return top + height - y / highest * height

    picture.text(left, top - 24, title, bold=True)
    picture.text(left, top - 8, unit, 'soft')
    for tick in ticks:
        picture.line(left + 40, y_place(tick), left + width, y_place(tick))
        picture.text(left + 34, y_place(tick) + 4, f'{tick:g}', 'soft', 'end')
    if limit:
        picture.line(left + 40, y_place(limit), left + width, y_place(limit), 'python', 1.5)
        picture.text(left + width, y_place(limit) - 4, 'the budget', 'python', 'end')
    for x in sorted({x for x, _ in points})[::2]:
        picture.text(x_place(x), top + height + 16, x_format(x), 'soft', 'middle')
    for name, _, curve in curves:
        picture.curve([(x_place(x), y_place(y)) for x, y in curve], name)
    for number, (name, label, _) in enumerate(curves if len(curves) > 1 else []):
        x = left + width - 145 + 80 * number
        picture.bar(x, x + 12, top - 14, 4, name)
        picture.text(x + 16, top - 8, label, 'soft')


def get_points(growth, series, contestant, convert):
    return [(point['size'], convert(point)) for point in growth[series]['points']
            if point['name'] == contestant]


def draw_growth(figures):
    growth = {series['name']: series for series in figures['growth']}
    picture = Picture(4 * 230 + 10, 'What one more stage, pipeline or byte costs')

    def each(point):
        return point['median'] / point['size']

    def both(series, factor):
        return [(name, label, get_points(growth, series, name, lambda point: factor * each(point)))
                for name, label in (('gopipe', 'gopipe'), ('floor', 'bare C'))]

    def ours(series, convert):
        return get_points(growth, f'growth_{series}', 'gopipe', convert)

    def bytes_curves(convert):
        return [('gopipe', 'functions', ours('bytes_functions', convert)),
                ('bash', 'with cat', ours('bytes_command', convert))]

    def memory(point):
        return point['peak_kib'] / 1024

    panels = [
        ('Functions in one pipeline', 'µs for each function', both('growth_functions', 1e6),
         '{:g}'.format),
        ('Commands in one pipeline', 'ms for each command', both('growth_commands', 1e3),
         '{:g}'.format),
        ('Pipelines of one command at once', 'ms for each pipeline',
         both('growth_command_pipelines', 1e3), '{:g}'.format),
        ('Pipelines of two functions at once', 'µs for each pipeline',
         both('growth_function_pipelines', 1e6)[:1], '{:g}'.format),
        ('Data', 'ns for each byte', bytes_curves(lambda point: 1e9 * each(point)), format_size,
         True),
        ('Memory over the size of the data', 'MiB at most', bytes_curves(memory), format_size),
        ('Memory over pipelines at once', 'MiB at most',
         [('gopipe', 'functions', ours('function_pipelines', memory)),
          ('bash', 'commands', ours('command_pipelines', memory))],
         '{:g}'.format),
        ('Pipes over pipelines at once', 'MiB that they may hold',
         [('gopipe', '', ours('pipes', lambda point: point['median'] / 2**20))],
         '{:g}'.format, False, 64),
    ]
    for number, panel in enumerate(panels):
        draw_panel(picture, 20 + 350 * (number % 2), 50 + 230 * (number // 2), *panel)
    return picture.finish()


# What has rows in the table
ROWS = {
    'gopipe': '',
    'gopipe-exec': ', exec',
    'bound-helper': ': helper, bare C',
    'bound-helper-exec': ': helper, bare C, exec',
    'bound-gio': ': helper, GSubprocess',
    'bound-gio-exec': ': helper, GSubprocess, exec',
    'bound-threads': ': functions, bare C',
    'bound-poll': ': poll (), bare C',
}


def table_cell(ratio):
    if ratio is None:
        return ''
    text = f"{ratio['ratio']:.2f}"
    if 'at_most' not in ratio:
        return text
    target = f"({ratio['at_most']:g})"
    return f'{text} {target}' if ratio['met'] else f'**{text}** {target}'


def make_table(figures):
    lines = [
        '| workload | MiB | bare C | ' + ' | '.join(PEERS.values()) + ' |',
        '| --- | ---: | ---: |' + ' ---: |' * len(PEERS),
    ]
    for workload in figures['workloads']:
        peaks = {entry['name']: entry['peak_kib'] / 1024 for entry in workload['contestants']}
        for name in (name for name in peaks if name in ROWS):
            ratios = {ratio['against']: ratio for ratio in workload['ratios']
                      if ratio['name'] == name}
            title = workload['name'] + ROWS[name]
            cells = [table_cell(ratios.get(column)) for column in ('floor', *PEERS)]
            lines.append(f'| {title} | {peaks[name]:.1f} | ' + ' | '.join(cells) + ' |')
    supervisor = figures['supervisor']
    less = ', with less data and without the largest processes' if figures['quick'] else ''
    lines += [
        '',
        f"These are the figures of {figures['rounds']} rounds{less}. A supervisor has "
        f"{supervisor['private_kib']} KiB of",
        f"memory of its own, and {supervisor['rss_kib']} KiB with what it shares with all others.",
    ]
    return '\n'.join(lines)


def main():
    figures = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8'))
    folder = pathlib.Path(sys.argv[2])
    if 'growth' in figures:
        (folder / 'performance-growth.svg').write_text(draw_growth(figures), encoding='utf-8')
        return

    (folder / 'performance.svg').write_text(draw_workloads(figures), encoding='utf-8')
    page = folder / 'performance.md'
    if page.is_file():
        text = page.read_text(encoding='utf-8')
        text = re.sub(r'(<!-- figures -->\n).*?(<!-- end of figures -->)',
                      lambda match: match[1] + '\n' + make_table(figures) + '\n\n' + match[2],
                      text, flags=re.S)
        page.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
