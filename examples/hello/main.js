// SPDX-License-Identifier: LGPL-2.1-or-later

// A function between two commands.

// excerpt: hello
import Gp from 'gi://Gp?version=1';

async function toUpper(context) {
    for await (const line of context.lines())
        await context.write(`${line.toUpperCase()}\n`);
}

const pipeline = new Gp.Pipeline();
pipeline.append_command(['printf', 'pear\\nfig\\napple\\n']);
pipeline.append(Gp.AsyncStage.new('upper', toUpper));
pipeline.append_command(['sort']);

const output = await pipeline.communicate_utf8_async();
print(output.trimEnd());
// end of excerpt
