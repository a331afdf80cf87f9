#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that each language tries all that the library has.

usage: check-api-coverage.py SOURCE-ROOT EXEMPTIONS GIR-FILE [VAPI-FILE]

What there is, the introspection data tell; what is tried, the tests and the examples of a
language. Many names belong to several types or to other libraries as well (`run`, `name`, `state`),
so a use counts only where what stands before the dot names its type: `pipeline`, `first_pipeline`
and `pipelineOf (…)` are a Gp.Pipeline, `status` is a Gp.StageStatus, `command` a Gp.CommandStage.
Only a virtual method is told by its name alone. A use that a test expects to be refused with a
TypeError is none. References are counted by the languages themselves.

A thing is named as in the documentation, and one that is written by `property@Type:name=`.

What a language cannot use is listed in EXEMPTIONS, with the reason. Without VAPI-FILE, Vala is left
out.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ET

from tap import Report

CORE = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

FILES = {
    'python': ['introspection/tests/*.py', 'examples/*/*.py'],
    'gjs': ['introspection/tests/*.mjs', 'introspection/tests/*.js', 'examples/*/*.js'],
    'vala': ['introspection/tests/*.vala', 'examples/*/*.vala'],
}

QUOTED = r"'(?:\\.|[^'\\\n])*'" r'|"(?:\\.|[^"\\\n])*"'
C_COMMENT = r'//[^\n]*|/\*.*?\*/'
NO_CODE = {language: re.compile(f'(?P<comment>{comment})|{strings}|{QUOTED}', re.S)
           for language, comment, strings in (('python', r'#[^\n]*', r"'''.*?'''" r'|""".*?"""'),
                                              ('gjs', C_COMMENT, r'`(?:\\.|[^`\\])*`'),
                                              ('vala', C_COMMENT, r'""".*?"""'))}

MEMBER = re.compile(r'\.\s*(\w+)')
WRITTEN = re.compile(r'\s*=(?![=>])')
DEFINED = {
    'python': re.compile(r'\bdef\s+do_(\w+)\s*\('),
    'gjs': re.compile(r'(?<![.\w])vfunc_(\w+)\s*[(:]'),
    'vala': re.compile(r'\bpublic\s+(?:override\s+|async\s+)*[\w\[\]?]+\s+(\w+)\s*\('),
}
REFUSED = {
    'python': re.compile(r'^( *)with self\.assertRaises(?:Regex)?\(TypeError\b.*\n(?:\1 .*\n|\n)*',
                         re.M),
    'gjs': re.compile(r'\b(?:assert|expect)TypeError\('),
}
VAPI_TYPE = re.compile(r'public [\w ]*?(?:class|interface|struct|enum|errordomain) (\w+)')
CALLABLE = ('func', 'ctor', 'method')


# What there is

class Thing:
    """Something of the library that a program can use."""

    def __init__(self, kind, owner, element, name=None):
        self.kind = kind
        self.owner = owner
        self.name = name or element.get('shadows') or element.get('name')
        self.c_name = element.get(C + 'identifier') or element.get(C + 'type')
        # By which functions a callback can be handed over
        self.takers = []

    def __str__(self):
        dot = ':' if self.kind == 'property' else '::' if self.kind == 'signal' else '.'
        return f'{self.kind}@{self.owner}{dot if self.owner else ""}{self.name}'


class Library:
    """All things by the name of their type and their own, and what the types are derived from."""

    def __init__(self, gir):
        namespace = ET.parse(gir).getroot().find(CORE + 'namespace')
        self.name = namespace.get('name')
        self.things = []
        self.bases = {}
        self.prefixes = {'': 'gp_'}
        self.read_members('', namespace)
        for element in namespace:
            if GLIB + 'is-gtype-struct-for' not in element.attrib:
                self.read_type(element)
        self.find_takers(namespace)

        # Words that stand in the name of one type alone
        words = [word for name in self.bases for word in words_of(name)]
        self.marks = {word: name for name in self.bases for word in words_of(name)
                      if words.count(word) == 1}

    def read_type(self, element):
        tag, name = element.tag.removeprefix(CORE), element.get('name')
        if tag in ('enumeration', 'bitfield'):
            kind = 'error' if GLIB + 'error-domain' in element.attrib else 'enum'
            for member in element.findall(CORE + 'member'):
                self.things.append(Thing(kind, name, member, member.get('name').upper()))
            self.prefixes[name] = f'gp_{"_".join(words_of(name))}_'
            self.read_members(name, element)
        elif tag in ('class', 'interface', 'record'):
            self.bases[name] = [base.get('name') for base in element.findall(CORE + 'implements')]
            self.bases[name].insert(0, element.get('parent', ''))
            self.prefixes[name] = f'gp_{element.get(C + "symbol-prefix")}_'
            self.read_members(name, element)

    def read_members(self, owner, element):
        kinds = {CORE + 'function': 'func', CORE + 'constructor': 'ctor', CORE + 'method': 'method',
                 CORE + 'virtual-method': 'vfunc', CORE + 'constant': 'const',
                 CORE + 'callback': 'callback', CORE + 'property': 'property',
                 GLIB + 'signal': 'signal'}
        for member in element:
            kind = kinds.get(member.tag)
            if kind is None or member.get('introspectable') == '0' or 'moved-to' in member.attrib:
                continue
            if kind == 'method' and member.get('name') in ('ref', 'unref'):
                continue
            self.things.append(Thing(kind, owner, member))
            if kind == 'property' and member.get('writable') == '1':
                self.things.append(Thing(kind, owner, member, f'{member.get("name")}='))

    def find_takers(self, namespace):
        callbacks = {thing.name: thing for thing in self.things if thing.kind == 'callback'}
        by_c_name = {thing.c_name: thing for thing in self.things}
        for element in namespace.iter():
            taker = by_c_name.get(element.get(C + 'identifier'))
            if taker is not None:
                for kind in element.iterfind(f'{CORE}parameters/{CORE}parameter/{CORE}type'):
                    if kind.get('name') in callbacks:
                        callbacks[kind.get('name')].takers.append(taker)

    def type_of(self, identifier):
        """The type that a variable or a function of this name stands for, or None"""
        words = words_of(identifier)
        whole = [name for name in self.bases if set(words_of(name)) <= set(words)]
        longest = sorted((name for name in whole if len(words_of(name)) > 1), key=len)[-1:]
        marked = [self.marks[word] for word in reversed(words) if word in self.marks]
        return next(iter(longest + marked + whole), None)

    def ancestry(self, name):
        if name in self.bases:
            yield name
            for base in self.bases[name]:
                yield from self.ancestry(base)


def words_of(identifier):
    return [word.lower() for word in re.findall(r'[A-Z]?[a-z0-9]+|[A-Z]+', identifier)]


# What the names are in Vala

def read_vapi(vapi, library):
    """The names in Vala by the C names of functions, and all others as `Type.name`."""
    names, members, owner, attributes = {}, set(), '', ''
    for line in pathlib.Path(vapi).read_text(encoding='utf-8').splitlines():
        # What is a word of Vala itself has an @ before it
        indent, text = len(line) - len(line.lstrip('\t')), line.strip().replace('@', '')
        if indent == 1 and (opened := VAPI_TYPE.match(text)):
            owner = opened.group(1)
        elif indent == 1 and text == '}':
            owner = ''
        elif text.startswith('['):
            attributes += text
            continue
        elif found := re.search(r'([\w.]+)(?: \(.*\)(?: throws .*)?;| \{.*\}|[,;]?)$', text):
            name = found.group(1)
            members.add(f'{owner}.{name}')
            given = re.search(r'cname = "(\w+)"', attributes)
            own = name if name.split('.')[0] != owner else '.'.join(['new', *name.split('.')[1:]])
            c_name = given.group(1) if given else library.prefixes.get(owner, '') + own
            names[c_name.replace('.', '_')] = own
            if ' async ' in text:
                names[c_name.removesuffix('_async') + '_finish'] = own.removesuffix('_async') + \
                    '_finish'
        attributes = ''
    return names, members


# What is tried

def find_close(text, start):
    """Where the parenthesis at start is closed"""
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] in '([{') - (text[index] in ')]}')
        if depth == 0:
            return index
    return len(text)


def find_open(text, end):
    """Where the parenthesis that is closed at end was opened"""
    depth = 0
    for index in range(end, -1, -1):
        depth += (text[index] in ')]}') - (text[index] in '([{')
        if depth == 0:
            return index
    return 0


def at_depth_0(text):
    """Without what stands between parentheses in it"""
    parts, index = [], 0
    while index < len(text):
        if text[index] in '([{':
            index = find_close(text, index)
        else:
            parts.append(text[index])
        index += 1
    return ''.join(parts)


def only_code(text, language):
    """Without comments, and with nothing in the strings that looks like code"""
    def blank(match):
        if match.group('comment') is not None:
            return ' '
        return "'" + re.sub(r'[^\w:-]', ' ', match.group()) + "'"

    text = NO_CODE[language].sub(blank, text)
    if language == 'python':
        return REFUSED[language].sub('', text)
    while language in REFUSED and (refused := REFUSED[language].search(text)):
        text = text[:refused.start()] + text[find_close(text, refused.end() - 1):]
    return text


def receiver(text, end):
    """The identifier before `end`, of a variable or of a function that is called, and its start"""
    while end > 0 and text[end - 1] in ' \n?':
        end -= 1
    if text[end - 1:end] == ')':
        return receiver(text, find_open(text, end - 1))
    start = end
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == '_'):
        start -= 1
    return text[start:end], start


class Uses:
    """What one language uses: a set of (way, type or '', name)"""

    def __init__(self, library, language):
        self.library = library
        self.language = language
        self.seen = set()

    def read(self, text):
        text = only_code(text, self.language)
        if self.language == 'vala':
            text = text.replace('@', '')
        for match in MEMBER.finditer(text):
            self.read_member(text, match)
        self.read_new_objects(text)
        self.seen |= {('defined', '', name) for name in DEFINED[self.language].findall(text)}
        if self.language == 'vala':
            # `using Gp`
            self.seen |= {('used', self.library.name, name)
                          for name in re.findall(r'(?<![.\w])(?:\w+\.)?(\w+)', text)}

    def read_member(self, text, match):
        name = match.group(1)
        identifier, start = receiver(text, match.start())
        way = 'written' if WRITTEN.match(text, match.end()) else 'used'
        if self.language == 'python' and identifier == 'props':
            identifier, _ = receiver(text, text.rindex('.', 0, start))
            way = f'props {way}'
        elif name == 'connect' and self.language != 'vala':
            signal = re.match(r"\s*\(\s*'\s*([\w-]+)", text[match.end():])
            way, name = 'connected', signal.group(1) if signal else ''
        elif self.language == 'vala' and re.match(r'(?:\[[^]]*\])?\.connect\b', text[match.end():]):
            way = 'connected'
        elif self.language == 'vala' and re.match(r'\s*\.(begin|end)\b', text[match.end():]):
            way = re.match(r'\s*\.(\w+)', text[match.end():]).group(1)
        elif self.language == 'vala' and re.search(r'\byield (?:\w+\.)*$', text[:start][-80:]):
            way = 'yielded'
        ways = {way, 'called'} if re.match(r'\s*\(', text[match.end():]) else {way}
        # By itself as well: enumerations and the namespace have no variables
        self.seen |= {(way, kind, name)
                      for way in ways for kind in (identifier, self.library.type_of(identifier))}

    def read_new_objects(self, text):
        """Properties that are given to a new object"""
        if self.language == 'python':
            found = re.finditer(r'\b((?:Gp\.)?[A-Z]\w+)\(', text)
            pattern = r'(\w+)\s*=(?!=)'
        elif self.language == 'gjs':
            found = re.finditer(r'\bnew ((?:Gp\.)?\w+)\(\{', text)
            pattern = r'(\w+)\s*(?=[:,]|$)'
        else:
            found = re.finditer(r'\bnew ((?:Gp\.)?\w+)[\w.]* \(|'
                                r'\bObject\.new \(typeof \((\w+)\)', text)
            pattern = r'(\w+)\s*[:=](?!=)'
        for match in found:
            identifier = next(filter(None, match.groups())).removeprefix('Gp.')
            start = match.end() - 1 if self.language != 'vala' else text.index('(', match.start())
            end = find_close(text, start)
            given = text[start + 1:end]
            if self.language == 'vala':
                if match.group(1):
                    opened = re.match(r'\s*\{', text[end + 1:])
                    self.seen.add(('new', identifier, 'new'))
                    given = text[end + 1 + opened.end():find_close(text, end + opened.end())] \
                        if opened else ''
            for name in re.findall(pattern, at_depth_0(given)):
                self.seen.add(('given', self.library.type_of(identifier), name))

    # Whether a thing was seen

    def has(self, ways, thing, names):
        """Whether it was used by its type, or a type that has it from there"""
        owners = [thing.owner or self.library.name]
        owners += [name for name in self.library.bases
                   if thing.owner in list(self.library.ancestry(name))[1:]
                   and not self.is_own(name, thing)]
        return any((way, owner, name) in self.seen
                   for way in ways for owner in owners for name in names)

    def is_own(self, owner, thing):
        return any(other.owner == owner and other.name == thing.name and other.kind == thing.kind
                   for other in self.library.things)

    def has_property(self, thing):
        name = thing.name.removesuffix('=').replace('-', '_')
        names = [name]
        if self.language == 'gjs':
            names.append(re.sub(r'_(\w)', lambda match: match.group(1).upper(), name))
        props = 'props ' if self.language == 'python' else ''
        ways = [f'{props}written', 'given'] if thing.name.endswith('=') else [f'{props}used']
        return self.has(ways, thing, names)

    def has_callable(self, thing, name):
        ways = ['called']
        if self.language == 'python':
            # A method is an object there, which may be called elsewhere
            ways.append('used')
        elif self.language == 'vala' and name == 'new':
            ways = ['new']
        elif self.language == 'vala' and name.endswith('_async'):
            ways = ['yielded', 'begin']
        elif self.language == 'vala' and name.endswith('_finish'):
            ways, name = ['yielded', 'end'], name.removesuffix('_finish') + '_async'
        elif self.language == 'vala' and not thing.owner:
            ways = ['used']
        return self.has(ways, thing, [name.removeprefix('new.')])

    def has_thing(self, thing, vala_names):
        if thing.kind == 'callback':
            return any(self.has_thing(taker, vala_names) for taker in thing.takers)
        if thing.kind == 'property':
            return self.has_property(thing)
        if thing.kind == 'signal':
            return self.has(['connected'], thing, [thing.name, thing.name.replace('-', '_')])
        if thing.kind == 'vfunc':
            name = thing.name
            if self.language == 'vala' and name.endswith('_finish'):
                name = name.removesuffix('_finish') + '_async'
            return ('defined', '', name) in self.seen
        if thing.kind in CALLABLE:
            name = vala_names.get(thing.c_name) if self.language == 'vala' else thing.name
            return name is not None and self.has_callable(thing, name)
        return self.has(['used'], thing, [thing.name])


def not_in_vapi(library, names, members):
    """What the vapi has lost"""
    missing = []
    for thing in library.things:
        name = thing.name.removesuffix('=').replace('-', '_')
        if thing.kind in CALLABLE:
            found = thing.c_name in names
        elif thing.kind == 'vfunc' and name.endswith('_finish'):
            found = f'{thing.owner}.{name.removesuffix("_finish")}_async' in members
        else:
            found = f'{thing.owner}.{name}' in members
        if not found:
            missing.append(str(thing))
    return missing


# What cannot be tried

def read_exemptions(file):
    """{(language, thing): reason}, and what is wrong with the file"""
    exemptions, problems = {}, []
    for number, line in enumerate(pathlib.Path(file).read_text(encoding='utf-8').splitlines(), 1):
        if not line or line.startswith('#'):
            continue
        match = re.fullmatch(r'(\w+) (\w+@\S+): (.+)', line)
        if not match or match.group(1) not in FILES:
            problems.append(f'{file}:{number}: not "LANGUAGE THING: REASON"')
        elif match.group(1, 2) in exemptions:
            problems.append(f'{file}:{number}: {match.group(2)} for the second time')
        else:
            exemptions[match.group(1, 2)] = match.group(3)
    return exemptions, problems


def main():
    root, exemptions_file, gir, *vapi = sys.argv[1:]
    library = Library(gir)
    exemptions, problems = read_exemptions(exemptions_file)
    all_names = {str(thing) for thing in library.things}
    vala_names, vala_members = read_vapi(vapi[0], library) if vapi else ({}, set())

    report = Report()
    report.check('the exemptions can be read', problems)
    report.check('the exemptions are for what there is',
                 [f'{thing}: there is no such thing' for _, thing in exemptions
                  if thing not in all_names])
    if vapi:
        report.check('the vapi has everything', not_in_vapi(library, vala_names, vala_members))

    for language in FILES if vapi else ('python', 'gjs'):
        uses = Uses(library, language)
        for pattern in FILES[language]:
            for path in sorted(pathlib.Path(root).glob(pattern)):
                uses.read(path.read_text(encoding='utf-8'))
        tried = {str(thing) for thing in library.things if uses.has_thing(thing, vala_names)}
        exempt = {thing for other, thing in exemptions if other == language}
        report.check(f'{language} tries everything',
                     [f'{language}: {thing} is not tried'
                      for thing in sorted(all_names - tried - exempt)])
        report.check(f'{language} needs its exemptions',
                     [f'{language}: {thing} is tried, and needs no exemption'
                      for thing in sorted(exempt & tried)])
    report.finish()


if __name__ == '__main__':
    main()
