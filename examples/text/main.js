// SPDX-License-Identifier: LGPL-2.1-or-later

// Text through commands, written as in a shell.

import Gp from 'gi://Gp?version=1';

const FRUITS = 'pear\n# a comment\nfig\npear\n';

// No shell is involved: a variable or a redirection would be an error here.
const pipeline = Gp.Pipeline.new_from_string("grep -v '^#' | sort | uniq");

const output = await pipeline.communicate_utf8_async(FRUITS);
print(output.trimEnd());
