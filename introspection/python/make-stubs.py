#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the type stubs for Python from the introspection data.

    make-stubs.py Gp-1.gir gi-stubs/repository/Gp.pyi            writes them
    make-stubs.py --check Gp-1.gir gi-stubs/repository/Gp.pyi    tells whether they are up to date
"""

import keyword
import sys
import xml.etree.ElementTree as ElementTree

CORE = '{http://www.gtk.org/introspection/core/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

HEADER = '''\
# SPDX-License-Identifier: LGPL-2.1-or-later
# Made by make-stubs.py; do not edit.
# Some types have methods of their own with the names of the interface's.
# mypy: disable-error-code="override"

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeAlias, overload

from gi.repository import Gio, GLib, GObject
from _typeshed import FileDescriptorLike
from typing_extensions import Buffer, Self

_Argv: TypeAlias = Iterable[str | bytes | os.PathLike[str] | os.PathLike[bytes]]
_Bytes: TypeAlias = GLib.Bytes | Buffer | str
_Function: TypeAlias = Callable[..., object]
_Piece: TypeAlias = str | bytes | bytearray | memoryview
_Generator: TypeAlias = Callable[..., Iterator[_Piece]]
_ThreadFunction: TypeAlias = Callable[[Gio.InputStream, Gio.OutputStream, StageContext], object]
_LineGenerator: TypeAlias = Callable[[Iterator[str]], Iterator[_Piece]]
_AnyStage: TypeAlias = Stage | _ThreadFunction | _LineGenerator
_LineFunction: TypeAlias = Callable[..., LineAction]
_SplitFunction: TypeAlias = Callable[..., SplitResult | tuple[SplitResult, int, int]]
_EnvironFunction: TypeAlias = Callable[..., _Argv]
'''

# What the overrides change: after the colon is the name of a parameter, or `return`.
CHANGED_TYPES = {
    'CommandStage.new:argv': '_Argv',
    'CommandStage.take_fd:source_fd': 'FileDescriptorLike',
    'Pipeline.append_command:argv': '_Argv',
    'Pipeline.append:stage': '_AnyStage',
    'Pipeline.communicate:stdin_bytes': '_Bytes | None',
    'Pipeline.communicate_async:stdin_bytes': '_Bytes | None',
    'Pipeline.communicate:return': 'bytes',
    'Pipeline.communicate_finish:return': 'bytes',
    'Pipeline.dup_output:return': 'bytes | None',
    'StageStatus.dup_stderr_bytes:return': 'bytes | None',
    'FunctionStage.new:func': '_Function | _Generator',
    'AsyncStage.new:func': '_Function',
    'LineStage.new:func': '_LineFunction',
    'LineStage.new_bytes:func': '_LineFunction',
    'LineStage.new_in_context:func': '_LineFunction',
    'LineStage.set_split_function:func': '_SplitFunction | None',
    'BytesStage.new:bytes': '_Bytes',
    'BytesStage.get_bytes:return': 'bytes | None',
    'ErrorMatcher.new:func': 'Callable[..., ErrorMatch]',
    'ErrorMatcher.new_with_parts:func': 'Callable[..., ErrorMatch]',
    'ErrorFilterStage.new:stage': '_AnyStage',
    'ErrorFilterStage.new:func': 'Callable[..., ErrorAction]',
    'ErrorFilterStage.new_with_parts:func': 'Callable[..., ErrorAction]',
    'Pipeline.append_ignoring:stage': '_AnyStage',
    'Pipeline.set_fault_handler:func': 'Callable[..., ErrorAction] | None',
    'Pipeline.add_environ_function:func': '_EnvironFunction',
    'CommandStage.add_environ_function:func': '_EnvironFunction',
    'Stage.do_run:return': 'bool | None',
    'ThreadStage.do_process:return': 'bool | None',
}

ADDED = {
    'Pipeline': [
        'def __iter__(self) -> Iterator[StageStatus]: ...',
        'def __enter__(self) -> Self: ...',
        'def __exit__(self, exception_type: type[BaseException] | None, '
        'exception: BaseException | None, trace: TracebackType | None) -> None: ...',
        'def lines(self, cancellable: Gio.Cancellable | None = None) -> Iterator[str]: ...',
    ],
}

# What PyGObject or the overrides do not let one implement
REMOVED = ('Stage.do_start_async', 'Stage.do_start_finish')

BASIC_TYPES = {
    'none': 'None', 'gboolean': 'bool', 'utf8': 'str', 'filename': 'str', 'gpointer': 'Any',
    'gfloat': 'float', 'gdouble': 'float', 'GType': 'GObject.GType', 'GLib.Quark': 'int',
    'Gio.AsyncReadyCallback': 'Callable[..., object]',
}
INTEGERS = ('gchar gint guint gshort gushort glong gulong gsize gssize gint8 guint8 gint16 guint16 '
            'gint32 guint32 gint64 guint64').split()


def type_of(element, is_parameter=False):
    array = element.find(f'{CORE}array')
    if array is not None:
        kind = 'Sequence' if is_parameter else 'list'
        result = 'bytes' if array[0].get('name') == 'guint8' else f'{kind}[{type_of(array)}]'
    else:
        name = element.find(f'{CORE}type').get('name')
        result = 'int' if name in INTEGERS else BASIC_TYPES.get(name, name)
    return f'{result} | None' if element.get('nullable') and result != 'Any' else result


class Function:
    """A function of any kind, as one calls it in Python."""

    def __init__(self, element, owner=None, prefix=''):
        self.name = prefix + (element.get('shadows') or element.get('name'))
        self.qualified = f'{owner}.{self.name}' if owner else self.name
        self.returned = element.find(f'{CORE}return-value')
        self.parameters, self.outputs, self.has_callback = [], [], False
        self.has_user_data = False
        self.sort_parameters(element.findall(f'{CORE}parameters/{CORE}parameter'))

    def sort_parameters(self, elements):
        hidden = set()
        for element in elements:
            for role in ('closure', 'destroy'):
                if element.get(role) is not None and element.get('scope'):
                    hidden.add(int(element.get(role)))
        self.has_user_data = bool(hidden)
        for index, element in enumerate(elements):
            if index in hidden:
                continue
            if element.get('direction') == 'out':
                self.outputs.append(element)
            elif element.get('scope') == 'async':
                self.has_callback = True
            else:
                self.parameters.append(element)

    def changed(self, name, default):
        return CHANGED_TYPES.get(f'{self.qualified}:{name}', default)

    def return_type(self):
        types = [type_of(output) for output in self.outputs]
        result = type_of(self.returned)
        if result != 'None' or not types:
            types.insert(0, result)
        return self.changed('return', types[0] if len(types) == 1 else f'tuple[{", ".join(types)}]')

    def arguments(self, with_defaults=True):
        # What comes before *user_data must be given
        result, optional = [], with_defaults and (self.has_callback or not self.has_user_data)
        for element in reversed(self.parameters):
            name = element.get('name')
            kind = self.changed(name, type_of(element, is_parameter=True))
            optional = optional and element.get('nullable') is not None
            result.insert(0, f'{name}{"_" if keyword.iskeyword(name) else ""}: {kind}'
                             f'{" = None" if optional else ""}')
        if self.has_user_data and not self.has_callback:
            result.append('*user_data: object')
        return result

    def define(self, arguments, result):
        return f'def {self.name}({", ".join(arguments)}) -> {result}: ...'

    def as_method(self, finishers):
        if not self.has_callback:
            return [self.define(['self', *self.arguments()], self.return_type())]
        finished = finishers[self.name.replace('_async', '_finish')]
        # Without a callback there is something to await, from PyGObject 3.50 on
        return ['@overload',
                self.define(['self', *self.arguments()], f'Awaitable[{finished.return_type()}]'),
                '@overload',
                self.define(['self', *self.arguments(with_defaults=False),
                             'callback: Callable[..., object] | None', '*user_data: object'],
                            'None')]

    def as_static(self):
        return ['@staticmethod', self.define(self.arguments(), self.return_type())]


def functions_of(element, kind, owner, prefix=''):
    return [Function(child, owner, prefix) for child in element.findall(f'{CORE}{kind}')
            if child.get('introspectable') != '0' and not child.get('moved-to')]


def properties_of(element):
    lines, arguments = [], []
    for child in element.findall(f'{CORE}property'):
        name, kind = child.get('name').replace('-', '_'), type_of(child)
        getter = child.get('getter')
        if getter or kind in ('str', 'GLib.Error', 'GLib.Bytes') or '[' in kind:
            kind = nullable_as_getter(element, getter, kind)
        lines.append(f'{name}: {kind}')
        if child.get('writable') or child.get('construct-only'):
            arguments.append(f'{name}: {kind} = ...')
    if not lines:
        return []
    return ['class Props(GObject.Object.Props):', *(f'    {line}' for line in lines), '',
            '@property', 'def props(self) -> Props: ...',
            f'def __init__(self{", *, " if arguments else ""}{", ".join(arguments)}) -> None: ...']


def nullable_as_getter(element, getter, kind):
    for method in element.findall(f'{CORE}method'):
        if method.get('name') == getter:
            return type_of(method.find(f'{CORE}return-value'))
    return f'{kind} | None' if not kind.endswith('| None') else kind


def class_lines(element, bases):
    name = element.get('name')
    # PyGObject counts references itself
    methods = [method for method in functions_of(element, 'method', name)
               if method.name not in ('ref', 'unref')]
    finishers = {method.name: method for method in methods}
    lines = properties_of(element)
    for function in functions_of(element, 'constructor', name):
        lines += function.as_static()
    for function in functions_of(element, 'function', name):
        lines += function.as_static()
    for method in methods:
        lines += method.as_method(finishers)
    for function in functions_of(element, 'virtual-method', name, 'do_'):
        if function.qualified not in REMOVED:
            lines.append(function.define(['self', *function.arguments(with_defaults=False)],
                                         function.return_type()))
    lines += ADDED.get(name, [])
    return [f'class {name}({", ".join(bases)}):', *(f'    {line}'.rstrip() for line in lines)]


def bases_of(element):
    if element.tag == f'{CORE}interface':
        return ['GObject.GInterface']
    return [element.get('parent'), *(child.get('name')
                                     for child in element.findall(f'{CORE}implements')
                                     if '.' not in child.get('name')
                                     and element.get('parent') == 'GObject.Object')]


def enumeration_lines(element):
    name = element.get('name')
    base = 'GObject.GFlags' if element.tag == f'{CORE}bitfield' else 'GObject.GEnum'
    lines = [f'{member.get("name").upper()}: {name}' for member in element.findall(f'{CORE}member')]
    for function in functions_of(element, 'function', name):
        lines += function.as_static()
    return [f'class {name}({base}):', *(f'    {line}' for line in lines)]


def constant_line(element):
    kind = type_of(element)
    return f'{element.get("name")}: {kind}'


def make_stubs(gir):
    namespace = ElementTree.parse(gir).getroot().find(f'{CORE}namespace')
    blocks = [[constant_line(element) for element in namespace.findall(f'{CORE}constant')]]
    blocks.append([function.define(function.arguments(), function.return_type())
                   for function in functions_of(namespace, 'function', None)])
    for element in namespace:
        if element.tag in (f'{CORE}enumeration', f'{CORE}bitfield'):
            blocks.append(enumeration_lines(element))
        elif element.tag in (f'{CORE}class', f'{CORE}interface'):
            blocks.append(class_lines(element, bases_of(element)))
        elif element.tag == f'{CORE}record' and not element.get(f'{GLIB}is-gtype-struct-for'):
            blocks.append(class_lines(element, ['GObject.GBoxed']))
    return HEADER + ''.join('\n' + '\n'.join(block) + '\n' for block in blocks if block)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != '--check']
    if len(arguments) != 2:
        sys.exit(__doc__)
    gir, stubs = arguments
    text = make_stubs(gir)
    if '--check' not in sys.argv:
        with open(stubs, 'w', encoding='utf-8') as file:
            file.write(text)
        return
    with open(stubs, encoding='utf-8') as file:
        if file.read() != text:
            sys.exit(f'{stubs} is out of date: run {sys.argv[0]} {gir} {stubs}')


if __name__ == '__main__':
    main()
