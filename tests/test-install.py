#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Installs the library into a folder, and uses it from there as a program of somebody else's
would: with no more than what tells a language where to look. Prints TAP.

usage: test-install.py MESON SOURCE-ROOT PYTHON
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

STEP_SECONDS = 240

# Prints how often it has forked, as counted by the module that is preloaded
COUNT_FORKS = """
import ctypes
import gi
gi.require_version('Gp', '1')
from gi.repository import Gp
for i in range(3):
    Gp.Pipeline.new_from_string('true | true').run(None)
program = ctypes.CDLL(None)
print(program.gp_test_preload_count_forks(), program.gp_test_preload_count_spawns())
"""

# Prints where the override came from
FIND_OVERRIDE = """
import sys
import gi
gi.require_version('Gp', '1')
from gi.repository import Gp
Gp.Pipeline.new()
print(sys.modules['gi.overrides.Gp'].__file__)
"""


class Report:
    def __init__(self):
        self.count = 0

    def check(self, name, ok, *explanation):
        self.count += 1
        print(f'{"ok" if ok else "not ok"} {self.count} - {name}', flush=True)
        if not ok:
            print(*explanation, sep='\n', file=sys.stderr)

    def same(self, name, seen, expected):
        self.check(name, seen == expected, f'expected: {expected!r}', f'seen: {seen!r}')


def run(*command, env=None, folder=None):
    """Returns what it prints. What goes wrong ends the test, and shows."""
    result = subprocess.run([str(word) for word in command], env=env, cwd=folder, check=False,
                            text=True, timeout=STEP_SECONDS, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    if result.returncode != 0:
        print(f'Bail out! {command[0]}: exit status {result.returncode}')
        sys.exit(f'{" ".join(map(str, command))}\n{result.stdout}')
    return result.stdout


def find(folder, pattern):
    found = sorted(folder.rglob(pattern))
    if not found:
        print('Bail out!')
        sys.exit(f'{pattern} was not installed')
    return found[0]


class Installation:
    def __init__(self, meson, source, folder):
        self.folder = folder
        self.prefix = folder / 'prefix'
        build = folder / 'build'
        run(meson, 'setup', build, source, f'--prefix={self.prefix}', '--buildtype=plain',
            '-Dtests=false', '-Dexamples=false', '-Ddocs=disabled', '-Dintrospection=enabled',
            '-Dvapi=enabled')
        run(meson, 'compile', '-C', build)
        run(meson, 'install', '-C', build, '--no-rebuild')
        # So that nothing of it can be used by mistake
        shutil.rmtree(build)

        self.log = folder / 'log'
        self.helper = find(self.prefix, 'gopipe-exec')
        self.other = folder / 'other-exec'

    def environment(self, **more):
        """All that a program is told, besides where the system itself is."""
        return {
            'GI_TYPELIB_PATH': str(find(self.prefix, 'Gp-1.typelib').parent),
            'HOME': str(self.folder),
            'LC_ALL': 'C.UTF-8',
            'LD_LIBRARY_PATH': str(find(self.prefix, 'libgopipe-1.so').parent),
            'PATH': os.environ['PATH'],
            'PKG_CONFIG_PATH': str(find(self.prefix, 'gopipe-1.pc').parent),
            **more,
        }

    def data_dirs(self):
        system = os.environ.get('XDG_DATA_DIRS', '/usr/local/share:/usr/share')
        return f'{self.prefix}/share:{system}'

    def watch_helper(self):
        """From now on the helper writes down that it is used; and so would another one, which
        the environment names."""
        real = self.folder / 'gopipe-exec'
        shutil.move(self.helper, real)
        for script, word in [(self.helper, 'installed'), (self.other, 'other')]:
            script.write_text(f'#!/bin/sh\necho {word} >>{self.log}\nexec {real} "$@"\n')
            script.chmod(0o755)

    def take_log(self):
        words = self.log.read_text().split() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return words


def commands_of_languages(installation, source, python):
    """How a program is made and run in each language: pairs of environment and commands, the
    last of which prints."""
    hello = source / 'examples/hello'
    program = installation.folder / 'hello'
    env = installation.environment()
    flags = run('pkg-config', '--cflags', '--libs', 'gopipe-1', env=env).split()
    modules = find(installation.prefix, 'gi/overrides/Gp.py').parents[2]
    with_data = installation.environment(XDG_DATA_DIRS=installation.data_dirs())

    return {
        'C': (env, [['cc', '-Wall', '-Werror', hello / 'main.c', '-o', f'{program}-c', *flags],
                    [f'{program}-c']]),
        'Vala': (with_data, [['valac', '--pkg', 'gopipe-1', '-X', '-w', '-d', installation.folder,
                              '-o', 'hello-vala', hello / 'main.vala'],
                             [f'{program}-vala']]),
        'Python': (installation.environment(PYTHONPATH=str(modules)), [[python, hello / 'main.py']]),
        'JavaScript': (with_data, [['gjs', '-m', hello / 'main.js']]),
    }


def check_languages(report, installation, source, python):
    expected = (source / 'examples/hello/expected-output').read_text(encoding='utf-8')
    languages = commands_of_languages(installation, source, python)

    installation.watch_helper()
    for name, (env, commands) in languages.items():
        env['GOPIPE_EXEC'] = str(installation.other)
        for command in commands:
            output = run(*command, env=env, folder=installation.folder)
        report.same(f'{name}: prints what it should', output, expected)
        report.same(f'{name}: the installed helper starts the commands, whatever GOPIPE_EXEC says',
                    installation.take_log(), ['installed'] * 2)

    env = languages['Python'][0]
    report.check('Python: the override is the installed one',
                 run(python, '-c', FIND_OVERRIDE, env=env).startswith(str(installation.prefix)))
    env['LD_PRELOAD'] = os.environ['GP_TEST_PRELOAD']
    report.same('no process is forked', run(python, '-c', COUNT_FORKS, env=env).split(), ['0', '6'])

    installation.helper.unlink()
    env, commands = languages['C']
    report.same('it works without the helper', run(*commands[-1], env=env), expected)


def check_files(report, installation):
    headers = [path.name for path in find(installation.prefix, 'gopipe.h').parent.iterdir()]
    report.same('no private header is installed',
                [name for name in headers if 'private' in name], [])
    report.same('pkg-config tells where the helper is',
                run('pkg-config', '--variable=libexecdir', 'gopipe-1',
                    env=installation.environment()).strip(),
                str(installation.helper.parent))


def main():
    meson, source, python = sys.argv[1:]
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(meson, pathlib.Path(source), pathlib.Path(folder).resolve())
        check_files(report, installation)
        check_languages(report, installation, pathlib.Path(source), python)
    print(f'1..{report.count}')


if __name__ == '__main__':
    main()
