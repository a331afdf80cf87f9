// SPDX-License-Identifier: LGPL-2.1-or-later

/* A window that stays alive while its pipeline is started, and while it runs: main.c tells how that
 * is seen. The function, too, works in the main context here. */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gp from 'gi://Gp?version=1';
import Gtk from 'gi://Gtk?version=4.0';
import System from 'system';

const N_FRAMES = 30;

Gio._promisify(Gio.OutputStream.prototype, 'write_bytes_async');
Gio._promisify(Gio.DataInputStream.prototype, 'read_line_async', 'read_line_finish_utf8');
Gio._promisify(Gp.Pipeline.prototype, 'run_async');

Gtk.init();

const loop = new GLib.MainLoop(null, false);
const pipeline = new Gp.Pipeline();
const bar = new Gtk.ProgressBar();
const label = new Gtk.Label({label: 'starting'});
let nWhileStarting = 0;
let nWhileRunning = 0;
let nextFrame = () => {};
const lines = [];
const results = [];

function check(ok, what) {
    results.push(ok);
    print(`${ok ? 'ok' : 'not ok'} ${results.length} - ${what}`);
}

// Writes a line for each frame.
async function writeFrames(context) {
    try {
        for (let number = 1; number <= N_FRAMES; number++) {
            await new Promise(resolve => (nextFrame = resolve));
            const line = new TextEncoder().encode(`frame ${number}\n`);
            await context.get_stdout().write_bytes_async(new GLib.Bytes(line),
                GLib.PRIORITY_DEFAULT, null);
        }
        context.return_success();
    } catch (error) {
        context.return_fault(error.message);
    }
}

async function readLines(stream) {
    for (;;) {
        const [line] = await stream.read_line_async(GLib.PRIORITY_DEFAULT, null);
        if (line === null)
            return;
        lines.push(line);
        label.label = line;
        bar.fraction = lines.length / N_FRAMES;
    }
}

async function start() {
    const stream = Gio.DataInputStream.new(pipeline.open_output());
    const run = pipeline.run_async(null);
    check(pipeline.state === Gp.PipelineState.STARTING && pipeline.get_status(1).pid === 0,
        'the call that starts does not wait');
    try {
        await readLines(stream);
        check(await run, 'the pipeline succeeds');
    } catch (error) {
        check(false, error.message);
    }
    check(nWhileStarting >= N_FRAMES, 'frames while a command does not start');
    check(nWhileRunning >= N_FRAMES, 'frames while the pipeline runs');
    check(lines.length === N_FRAMES && lines.every((line, i) => line === `frame ${i + 1}`),
        'all the output');
    loop.quit();
}

function openGate() {
    const gate = Gio.File.new_for_path(GLib.getenv('GP_TEST_GATE'));
    gate.append_to(Gio.FileCreateFlags.NONE, null).close(null);
}

function onFrame() {
    switch (pipeline.state) {
    case Gp.PipelineState.BUILDING:
        start();
        break;
    case Gp.PipelineState.STARTING:
        bar.pulse();
        if (++nWhileStarting === N_FRAMES)
            openGate();
        break;
    default:
        nWhileRunning++;
        nextFrame();
    }
    return GLib.SOURCE_CONTINUE;
}

print('1..5');
pipeline.append(Gp.AsyncStage.new('frames', context => {
    writeFrames(context);
    return true;
}));
pipeline.append_command([GLib.getenv('GP_TEST_CHILD'), 'cat']);

const box = new Gtk.Box({orientation: Gtk.Orientation.VERTICAL, spacing: 12});
box.append(bar);
box.append(label);
const window = new Gtk.Window({child: box, defaultWidth: 320, defaultHeight: 120});
bar.add_tick_callback(onFrame);
window.present();
loop.run();
window.destroy();
System.exit(results.every(ok => ok) ? 0 : 1);
