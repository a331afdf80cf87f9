#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws the pictures of the guides, each for a light and for a dark background.

usage: make-pictures.py [--check]

With --check nothing is written: the pictures that lie here are compared with what would be.

In all of them a stage is a rounded box, a process a square box, an operating system pipe a thick
arrow, and a stream or a pipe in memory a thin arrow.
"""

import pathlib
import sys
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).parent

PALETTES = {
    'light': {
        'ground': '#ffffff', 'text': '#241f31', 'soft': '#5e5c64', 'line': '#9a9996',
        'stage': '#deebfb', 'stage-edge': '#1a5fb4',
        'process': '#fbe9c8', 'process-edge': '#9c5b00',
        'arrow': '#3d3846', 'frame': '#f6f5f4',
    },
    'dark': {
        'ground': '#1e1e1e', 'text': '#f6f5f4', 'soft': '#c0bfbc', 'line': '#77767b',
        'stage': '#1b3350', 'stage-edge': '#78aeed',
        'process': '#4a3713', 'process-edge': '#e5a50a',
        'arrow': '#deddda', 'frame': '#2a2a2c',
    },
}

FONT = "system-ui, -apple-system, 'Segoe UI', Cantarell, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'DejaVu Sans Mono', monospace"


class Picture:
    def __init__(self, width, height, palette, description):
        self.colors = palette
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">',
            f'<title>{escape(description)}</title>',
        ]
        self.rectangle(0, 0, width, height, 'ground', None, radius=8)

    def rectangle(self, x, y, width, height, fill, stroke, radius=0, dashes=None):
        line = f' stroke="{self.colors[stroke]}" stroke-width="1.5"' if stroke else ''
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ''
        self.parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" '
                          f'fill="{self.colors[fill]}"{line}{dashed}/>')

    def text(self, x, y, words, size=13, color='text', anchor='middle', bold=False, mono=False):
        weight = ' font-weight="600"' if bold else ''
        self.parts.append(f'<text x="{x}" y="{y}" font-family="{escape(MONO if mono else FONT)}" '
                          f'font-size="{size}" fill="{self.colors[color]}" '
                          f'text-anchor="{anchor}"{weight}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, color='line'):
        self.parts.append(f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{self.colors[color]}" '
                          'stroke-width="1"/>')

    def arrow(self, points, thick=False, dashed=False):
        """Along points of which the last two lie on a horizontal or vertical line"""
        (x1, y1), (x2, y2) = points[-2:]
        width, head = (7, 14) if thick else (1.5, 8)
        dx, dy = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
        neck = (x2 - dx * head, y2 - dy * head)
        path = 'L'.join(f'{x} {y}' for x, y in points[:-1] + [neck])
        half = head * (0.6 if thick else 0.5)
        wings = [(neck[0] - dy * half, neck[1] + dx * half),
                 (neck[0] + dy * half, neck[1] - dx * half)]
        color = self.colors['arrow']
        dashes = ' stroke-dasharray="4 3"' if dashed else ''
        self.parts.append(f'<path d="M{path}" fill="none" stroke="{color}" '
                          f'stroke-width="{width}"{dashes}/>')
        corners = 'L'.join(f'{x:g} {y:g}' for x, y in [(x2, y2)] + wings)
        self.parts.append(f'<path d="M{corners}Z" fill="{color}"/>')

    def function(self, x, y, width, height, name, mono=False):
        self.rectangle(x, y, width, height, 'stage', 'stage-edge', radius=12)
        self.text(x + width / 2, y + height / 2 + 4.5, name, mono=mono)

    def command(self, x, y, width, height, name, mono=False):
        """A stage, and in it the process that it starts"""
        self.rectangle(x, y, width, height, 'stage', 'stage-edge', radius=12)
        self.rectangle(x + 8, y + 8, width - 16, height - 16, 'process', 'process-edge')
        self.text(x + width / 2, y + height / 2 + 4.5, name, mono=mono)

    def state(self, x, y, width, name, height=34):
        self.rectangle(x, y, width, height, 'frame', 'line', radius=height / 2)
        self.text(x + width / 2, y + height / 2 + 4.5, name)

    def finish(self):
        return '\n'.join(self.parts + ['</svg>', ''])


def draw_overview(palette):
    picture = Picture(720, 238, palette,
                      'A pipeline of two commands and two functions, and what lies between them')
    top, height, middle = 68, 60, 98
    picture.rectangle(88, 20, 544, 150, 'frame', 'line', radius=14, dashes='5 4')
    picture.text(104, 42, 'pipeline', size=12, color='soft', anchor='start', bold=True)

    stages = [(picture.command, 112, 'find', True), (picture.function, 254, 'pick', False),
              (picture.function, 386, 'count', False), (picture.command, 518, 'sort', True)]
    for draw, x, name, mono in stages:
        draw(x, top, 90, height, name, mono=mono)

    picture.text(38, middle - 10, 'stdin', size=12, color='soft')
    picture.arrow([(14, middle), (118, middle)])
    picture.arrow([(196, middle), (252, middle)], thick=True)
    picture.arrow([(346, middle), (384, middle)])
    picture.arrow([(478, middle), (524, middle)], thick=True)
    picture.arrow([(602, middle), (706, middle)])
    picture.text(676, middle - 10, 'stdout', size=12, color='soft')

    for x, words in [(157, 'a process'), (299, 'a thread'), (431, 'a thread'), (563, 'a process')]:
        picture.text(x, 150, words, size=12, color='soft')

    draw_legend(picture, 206)
    return picture.finish()


def draw_legend(picture, y):
    picture.function(24, y - 14, 40, 28, '')
    picture.text(74, y + 4.5, 'stage', size=12, color='soft', anchor='start')
    picture.rectangle(140, y - 12, 36, 24, 'process', 'process-edge')
    picture.text(186, y + 4.5, 'process', size=12, color='soft', anchor='start')
    picture.arrow([(268, y), (312, y)], thick=True)
    picture.text(322, y + 4.5, 'operating system pipe', size=12, color='soft', anchor='start')
    picture.arrow([(492, y), (532, y)])
    picture.text(542, y + 4.5, 'stream, or pipe in memory', size=12, color='soft', anchor='start')


def draw_edges(palette):
    picture = Picture(720, 634, palette, 'What lies between two stages, and at the first stage')
    left, right, note, height = 24, 232, 368, 44

    picture.text(left, 32, 'Between two stages', anchor='start', bold=True)
    between = [
        (True, True, 'PIPE', 'Each process has one end, and nobody else.'),
        (True, False, 'PIPE', 'The function reads a stream that we can wake.'),
        (False, True, 'PIPE', 'The function writes a stream that we can wake.'),
        (False, False, 'MEMORY', 'A ring buffer: no descriptor, no system call.'),
    ]
    y = 48
    for left_command, right_command, kind, words in between:
        draw_box(picture, left, y, 104, height, left_command)
        draw_box(picture, right, y, 104, height, right_command)
        from_x = left + (96 if left_command else 104)
        to_x = right + (8 if right_command else 0)
        picture.arrow([(from_x + 2, y + 22), (to_x - 2, y + 22)], thick=kind == 'PIPE')
        draw_note(picture, note, y, kind, words)
        y += 60

    picture.line(24, y + 2, 696, y + 2)
    y += 34
    picture.text(left, y, 'Between the caller’s stream and the first stage', anchor='start',
                 bold=True)
    y += 16
    at_end = [
        ('descriptor', True, False, 'DESCRIPTOR', 'The process gets the descriptor itself.'),
        ('any other', True, True, 'PUMP', 'A thread copies into a pipe.'),
        ('any stream', False, False, 'STREAM', 'The function reads the stream itself.'),
        ('no stream', True, None, 'NONE', 'A process reads /dev/null, a function nothing.'),
    ]
    for name, command, pump, kind, words in at_end:
        picture.text(left, y + 26.5, name, anchor='start', color='soft')
        draw_box(picture, right, y, 104, height, command)
        to_x = right + (8 if command else 0) - 2
        if pump:
            picture.arrow([(112, y + 22), (138, y + 22)])
            picture.text(160, y + 26.5, 'pump', size=12)
            picture.arrow([(182, y + 22), (to_x, y + 22)], thick=True)
        elif pump is not None:
            picture.arrow([(112, y + 22), (to_x, y + 22)])
        draw_note(picture, note, y, kind, words)
        y += 60

    picture.text(left, y + 18, 'The last stage and the caller’s stdout are the mirror image of this.',
                 size=12, color='soft', anchor='start')
    return picture.finish()


def draw_box(picture, x, y, width, height, is_command):
    if is_command:
        picture.command(x, y, width, height, 'command')
    else:
        picture.function(x, y, width, height, 'function')


def draw_note(picture, x, y, kind, words):
    picture.text(x, y + 18, kind, size=12, anchor='start', mono=True)
    picture.text(x, y + 37, words, size=12, color='soft', anchor='start')


def draw_run(palette):
    picture = Picture(720, 414, palette, 'The states of a run, and those of one of its stages')
    picture.text(24, 32, 'The run', anchor='start', bold=True)
    y, width = 92, 90
    names = ['new', 'starting', 'running', 'closing', 'ended']
    xs = [24 + i * 145 for i in range(len(names))]
    for x, name in zip(xs, names):
        picture.state(x, y, width, name)
    for x, words in zip(xs, ['start', 'all run', 'all ended', 'closed']):
        picture.arrow([(x + width, y + 17), (x + 145, y + 17)])
        picture.text(x + width + 25, y + 8, words, size=10, color='soft')

    over = xs[1] + 45
    picture.arrow([(over, y), (over, 62), (xs[3] + 45, 62), (xs[3] + 45, y)], dashed=True)
    picture.text((over + xs[3] + 45) / 2, 54,
                 'a start failed, or it was cancelled: those that run are stopped first',
                 size=11, color='soft')
    states = ['BUILDING', 'STARTING', 'RUNNING', 'as before', 'SUCCEEDED']
    for x, name in zip(xs, states):
        picture.text(x + 45, y + 54, name, size=10, color='soft', mono=name.isupper())
    picture.text(xs[4] + 45, y + 69, 'or FAILED', size=10, color='soft', mono=True)
    picture.text(24, y + 78, 'Closing: the streams that were given are closed, in a thread.',
                 size=12, color='soft', anchor='start')

    picture.line(24, 190, 696, 190)
    picture.text(24, 222, 'One stage of it', anchor='start', bold=True)
    y = 290
    for x, name in zip(xs, ['waiting', 'starting', 'running']):
        picture.state(x, y, width, name)
    for x in xs[:2]:
        picture.arrow([(x + width, y + 17), (x + 145, y + 17)])

    from_x, corner, to_x = xs[2] + width, xs[2] + width + 24, xs[3] + 24
    for end_y, name in [(238, 'succeeded'), (290, 'finished early'), (342, 'failed')]:
        picture.state(to_x, end_y, 132, name)
        if end_y == y:
            picture.arrow([(from_x, y + 17), (to_x, y + 17)])
        else:
            picture.arrow([(corner, y + 17), (corner, end_y + 17), (to_x, end_y + 17)])
    under = xs[1] + 45
    picture.arrow([(under, y + 34), (under, 392), (to_x + 66, 392), (to_x + 66, 376)], dashed=True)
    picture.text(under + 12, 386, 'could not be started', size=11, color='soft', anchor='start')
    picture.state(xs[0], 346, width, 'not started')
    picture.arrow([(xs[0] + 45, y + 34), (xs[0] + 45, 346)], dashed=True)
    return picture.finish()


def draw_process(palette):
    picture = Picture(720, 268, palette,
                      'Your program, the helper that watches over a command, and what the command '
                      'starts')
    picture.function(24, 60, 150, 70, 'your program')
    picture.text(99, 52, 'gopipe', size=12, color='soft')
    picture.rectangle(250, 60, 150, 70, 'process', 'process-edge')
    picture.text(325, 99, 'gopipe-exec', mono=True)

    picture.rectangle(446, 20, 250, 190, 'frame', 'line', radius=14, dashes='5 4')
    picture.text(462, 42, 'ends with the command, if asked', size=12, color='soft', anchor='start')
    picture.rectangle(476, 66, 92, 58, 'process', 'process-edge')
    picture.text(522, 99, 'sort', mono=True)
    picture.rectangle(594, 66, 78, 58, 'process', 'process-edge')
    picture.text(633, 99, 'child', mono=True)
    picture.rectangle(594, 142, 78, 50, 'process', 'process-edge')
    picture.text(633, 171, 'daemon', mono=True)

    picture.arrow([(178, 82), (246, 82)])
    picture.text(212, 76, 'signals', size=11, color='soft')
    picture.arrow([(246, 110), (178, 110)])
    picture.text(212, 126, 'how it goes', size=11, color='soft')
    picture.arrow([(404, 95), (472, 95)])
    picture.arrow([(568, 95), (590, 95)])
    picture.arrow([(325, 134), (325, 167), (590, 167)], dashed=True)
    picture.text(384, 161, 'adopts orphans', size=11, color='soft')

    picture.arrow([(522, 236), (99, 236), (99, 134)], thick=True)
    picture.arrow([(99, 236), (522, 236), (522, 128)], thick=True)
    picture.text(310, 258, 'data goes straight between you and the command', size=12, color='soft')
    return picture.finish()


PICTURES = {'overview': draw_overview, 'edges': draw_edges, 'run': draw_run,
            'process': draw_process}


def main():
    check = sys.argv[1:] == ['--check']
    stale = []
    for name, draw in PICTURES.items():
        for theme, palette in PALETTES.items():
            path = HERE / f'{name}-{theme}.svg'
            picture = draw(palette)
            if not check:
                path.write_text(picture, encoding='utf-8')
            elif not path.exists() or path.read_text(encoding='utf-8') != picture:
                stale.append(path.name)
    for name in stale:
        print(f'{name}: not what make-pictures.py draws', file=sys.stderr)
    sys.exit(1 if stale else 0)


if __name__ == '__main__':
    main()
