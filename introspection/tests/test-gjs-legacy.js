// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The library and its override as a legacy import, from a script that is no module.

imports.gi.versions.Gp = '1';
const {GLib, GObject, Gp} = imports.gi;

const WATCHDOG_SECONDS = 60;
const CHILD = GLib.getenv('GP_TEST_CHILD');

const Upper = GObject.registerClass({
    Implements: [Gp.Stage],
}, class Upper extends GObject.Object {
    async vfunc_run(context) {
        for await (const line of context.lines())
            await context.write(`${line.toUpperCase()}\n`);
    }
});

function newPipeline() {
    const pipeline = new Gp.Pipeline();
    pipeline.append_command([CHILD, 'cat']);
    pipeline.append(new Upper());
    return pipeline;
}

function check(actual, expected) {
    if (actual !== expected)
        throw new Error(`got ${actual}, expected ${expected}`);
}

function expectTypeError(func) {
    try {
        func();
    } catch (error) {
        if (error instanceof TypeError)
            return;
    }
    throw new Error('expected a TypeError');
}

const cases = {
    async communicate() {
        check(await newPipeline().communicate_utf8_async('a\nb\n'), 'A\nB\n');
    },
    async lines() {
        const pipeline = new Gp.Pipeline();
        pipeline.append_command([CHILD, 'echo', 'x']);
        for await (const line of pipeline.lines())
            check(line, 'x');
        check([...pipeline].map(status => status.name).join(), GLib.path_get_basename(CHILD));
    },
    threads() {
        expectTypeError(() => Gp.FunctionStage.new('f', () => true));
        expectTypeError(() => GObject.registerClass(class InThread extends Gp.ThreadStage {}));
    },
};

async function runCases() {
    let number = 0;
    let failed = 0;
    for (const [name, func] of Object.entries(cases)) {
        try {
            await func();
            print(`ok ${++number} - ${name}`);
        } catch (error) {
            failed++;
            print(`not ok ${++number} - ${name}\n# ${error}`);
        }
    }
    print(`1..${number}`);
    return failed > 0 ? 1 : 0;
}

const loop = new GLib.MainLoop(null, false);
let exitStatus = 1;
GLib.timeout_add_seconds(GLib.PRIORITY_HIGH, WATCHDOG_SECONDS, () => loop.quit());
runCases().then(status => {
    exitStatus = status;
}).finally(() => loop.quit());
loop.run();
imports.system.exit(exitStatus);
