#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks what other languages get to see of the library.

usage: gir.py GIR-FILE
"""

import sys
import xml.etree.ElementTree as ET

from tap import Report

CORE = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

TYPES = ['class', 'interface', 'record', 'enumeration', 'bitfield', 'callback']
MEMBERS = ['constructor', 'method', 'function', 'virtual-method', 'property']
SIGNAL = GLIB + 'signal'


def documented_elements(namespace):
    """All elements with a doc comment of their own, each with a name to print."""
    for element in namespace:
        tag = element.tag.removeprefix(CORE)
        # A class structure is written down with its class, an error's quark with its codes
        if GLIB + 'is-gtype-struct-for' in element.attrib or 'moved-to' in element.attrib:
            continue
        if tag in TYPES + ['function', 'constant']:
            name = element.get('name')
            yield name, element
            for member in element:
                if member.tag.removeprefix(CORE) in MEMBERS or member.tag == SIGNAL:
                    kind = member.tag.split('}')[1]
                    if tag == 'enumeration' and member.get('name') == 'quark':
                        continue
                    yield f'{name}.{member.get("name")} ({kind})', member


def undocumented(namespace):
    return [name for name, element in documented_elements(namespace)
            if element.find(CORE + 'doc') is None]


def without_since(namespace):
    return [name for name, element in documented_elements(namespace)
            if element.get('version') is None]


def without_finish(namespace):
    problems = []
    for kind in ('method', 'function', 'virtual-method'):
        parents = {child: parent for parent in namespace.iter() for child in parent}
        for element in namespace.iter(CORE + kind):
            name = element.get('name')
            if name.endswith('_async'):
                finish = name.removesuffix('_async') + '_finish'
                names = {sibling.get('name') for sibling in parents[element].iter(CORE + kind)}
                if finish not in names:
                    problems.append(element.get(C + 'identifier') or name)
    return problems


def hard_to_implement(namespace):
    """A virtual method that takes a callback cannot be implemented in JavaScript, so there must
    be one beside it that does the same without."""
    return [interface.get('name')
            for interface in namespace.iter(CORE + 'interface')
            if any(method.get('name').endswith('_async')
                   for method in interface.iter(CORE + 'virtual-method'))
            and not any(method.get('name') == 'run'
                        for method in interface.iter(CORE + 'virtual-method'))]


def main():
    repository = ET.parse(sys.argv[1]).getroot()
    namespace = repository.find(CORE + 'namespace')
    includes = [include.get('name') for include in repository.findall(C + 'include')]

    report = Report()
    report.check('the header is named',
                 [] if includes == ['gopipe/gopipe.h'] else [f'c:include: {includes}'])
    report.check('everything is documented', undocumented(namespace))
    report.check('everything says since when it is there', without_since(namespace))
    report.check('each _async has a _finish', without_finish(namespace))
    report.check('each interface can be implemented in JavaScript', hard_to_implement(namespace))
    report.check('nothing private is seen',
                 [name for name, _ in documented_elements(namespace) if 'private' in name.lower()])
    report.finish()


if __name__ == '__main__':
    main()
