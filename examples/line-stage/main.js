// SPDX-License-Identifier: LGPL-2.1-or-later

// A function that sees each line, and says what becomes of it.

import Gp from 'gi://Gp?version=1';

const FRUITS = 'pear\n# a comment\nfig\npear\nend\nnever seen\n';

let number = 0;

// Called in the main loop, which knows no threads here, so it gets some lines at a time. Whether it
// keeps or drops them holds for them all, so it writes by itself what shall be left.
function numberLines(lines, output) {
    for (const line of lines) {
        // No more lines are wanted.
        if (line === 'end')
            return Gp.LineAction.FINISH;
        if (!line.startsWith('#'))
            output.put_string(`${++number}: ${line}\n`, null);
    }
    return Gp.LineAction.DROP;
}

const pipeline = new Gp.Pipeline();
pipeline.append(Gp.BytesStage.new_text(FRUITS));
pipeline.append(Gp.LineStage.new_in_context('number', numberLines));

const output = await pipeline.communicate_utf8_async();
print(output.trimEnd());
