// SPDX-License-Identifier: LGPL-2.1-or-later

// Counts the most frequent words in all C headers below a directory: commands list, read, sort and
// count, and two functions of this program split the text into words and pick the first ten. They
// run in the main loop, whose clock goes on ticking.

import GLib from 'gi://GLib';
import Gp from 'gi://Gp?version=1';
import System from 'system';

const N_WORDS = 10;
const TICK = 10;
const NEWLINE = '\n'.charCodeAt(0);

// Letters become lower case, and 0 stands for all that is no part of a word
const WORD_BYTES = new Uint8Array(256);
for (const letter of 'abcdefghijklmnopqrstuvwxyz_') {
    WORD_BYTES[letter.charCodeAt(0)] = letter.charCodeAt(0);
    WORD_BYTES[letter.toUpperCase().charCodeAt(0)] = letter.charCodeAt(0);
}

// Writes each run of letters and underscores, in lower case, on a line of its own
async function splitWords(context) {
    let inWord = false;
    for await (const text of context.chunks()) {
        const words = new Uint8Array(text.length);
        let length = 0;
        for (let i = 0; i < text.length; i++) {
            const byte = WORD_BYTES[text[i]];
            if (byte !== 0)
                words[length++] = byte;
            else if (inWord)
                words[length++] = NEWLINE;
            inWord = byte !== 0;
        }
        await context.write(words.subarray(0, length));
    }
    if (inWord)
        await context.write('\n');
}

// Copies the first lines; leaving the loop tells the stage before that it has had enough
async function firstLines(context) {
    let n = 0;
    for await (const line of context.lines()) {
        await context.write(`${line}\n`);
        if (++n === N_WORDS)
            break;
    }
}

function buildPipeline(directory) {
    const pipeline = new Gp.Pipeline();
    pipeline.setenv('LC_ALL', 'C', true);
    pipeline.append_command(['find', directory, '-name', '*.h', '-type', 'f', '-print0']);
    pipeline.append_command(['xargs', '-0', 'cat']);
    pipeline.append(Gp.AsyncStage.new('split-words', splitWords));
    pipeline.append_command(['sort']);
    pipeline.append_command(['uniq', '-c']);
    pipeline.append_command(['sort', '-k1,1rn', '-k2']);
    pipeline.append(Gp.AsyncStage.new('first-lines', firstLines));
    return pipeline;
}

function nameOf(edgeKind) {
    const [name] = Object.entries(Gp.EdgeKind).find(([, value]) => value === edgeKind);
    return name.toLowerCase();
}

const pipeline = buildPipeline(System.programArgs[0] ?? '/usr/include');
const start = GLib.get_monotonic_time();
let ticks = 0;
const clock = GLib.timeout_add(GLib.PRIORITY_DEFAULT, TICK, () => {
    ticks++;
    return GLib.SOURCE_CONTINUE;
});

try {
    const output = await pipeline.communicate_utf8_async();
    const seconds = (GLib.get_monotonic_time() - start) / GLib.USEC_PER_SEC;
    print(output.trimEnd());
    let index = 0;
    for (const status of pipeline) {
        const edge = nameOf(pipeline.get_edge_kind(++index));
        printerr(`  ${status.name.padEnd(12)} ${status.summary.padEnd(18)} then ${edge}`);
    }
    printerr(`  ${ticks} ticks of ${TICK} ms while it ran`);
    printerr(`  ${seconds.toFixed(2)} seconds`);
} catch (error) {
    printerr(error.message);
    System.exit(1);
} finally {
    GLib.source_remove(clock);
}
