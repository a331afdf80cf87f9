# SPDX-License-Identifier: LGPL-2.1-or-later
"""The little of the Test Anything Protocol that a lint needs."""

import sys


class Report:
    """Counts checks; each is a name and the list of what is wrong, empty when all is well. What
    is wrong goes to stderr, which Meson shows."""

    def __init__(self):
        self.checks = 0

    def check(self, name, problems):
        self.checks += 1
        print(f'{"not ok" if problems else "ok"} {self.checks} - {name}')
        for problem in problems:
            print(problem, file=sys.stderr)

    def finish(self):
        print(f'1..{self.checks}')
