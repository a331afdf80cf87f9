// SPDX-License-Identifier: LGPL-2.1-or-later

// A class of stages of one's own, between two commands.

import GObject from 'gi://GObject';
import Gp from 'gi://Gp?version=1';

// Puts a prefix before each line.
const PrefixStage = GObject.registerClass({
    Implements: [Gp.Stage],
    Properties: {
        'prefix': GObject.ParamSpec.string('prefix', null, null,
            GObject.ParamFlags.READWRITE, ''),
    },
}, class PrefixStage extends GObject.Object {
    // JavaScript has no threads: it waits without blocking, and other stages go on meanwhile.
    async vfunc_run(context) {
        for await (const line of context.lines())
            await context.write(`${this.prefix}${line}\n`);
    }
});

const pipeline = new Gp.Pipeline();
pipeline.append_command(['printf', 'pear\\nfig\\n']);
pipeline.append(new PrefixStage({prefix: 'a '}));
pipeline.append_command(['sort']);

const output = await pipeline.communicate_utf8_async();
print(output.trimEnd());
