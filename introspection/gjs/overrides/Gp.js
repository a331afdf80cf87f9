// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the library cannot offer to JavaScript by itself: promises, iteration, strings and byte
// arrays where bytes are wanted, and protection from threads, which JavaScript does not have.

/* exported _init */

const {Gio, GLib, GObject} = imports.gi;
const System = imports.system;

const CHUNK_SIZE = 64 * 1024;
const UNCOLLECTED_LIMIT = 16 * 1024 * 1024;
// What a line costs in memory, with a little that a program makes of it
const LINE_COST = 64;
const NEWLINE = 10;
const UNAWAITED = 'context.write () was called before the last one had ended: await each';

let uncollected = 0;

// Contexts whose end was reported
const reported = new WeakSet();
// Contexts that were read in a loop which was left before the end
const enough = new WeakSet();
// Contexts whose output is being written
const writing = new WeakSet();
// Contexts that were written to meanwhile
const unawaited = new WeakSet();
// The stage that a context was given to
const runners = new WeakMap();

// No method of GLib.Bytes is called anywhere here: gjs 1.74 leaks what it is called on.
function toArray(data) {
    if (typeof data === 'string')
        return new TextEncoder().encode(data);
    if (data instanceof GLib.Bytes)
        return data.toArray();
    if (data instanceof Uint8Array)
        return data;
    throw new TypeError('expected a string, a Uint8Array or GLib.Bytes');
}

function toBytes(data) {
    return data === null || data instanceof GLib.Bytes ? data : new GLib.Bytes(toArray(data));
}

function toText(data) {
    if (data === null)
        return null;
    const text = typeof data === 'string'
        ? data : new TextDecoder('utf-8', {fatal: true}).decode(toArray(data));
    // It would silently end the text
    if (text.includes('\0'))
        throw new TypeError('text with a NUL character is for communicate (), which takes bytes');
    return text;
}

// A promise for an asynchronous method of a class that is not ours to patch
function call(object, method, ...args) {
    return new Promise((resolve, reject) => {
        object[`${method}_async`](...args, (source, result) => {
            try {
                resolve(object[`${method}_finish`](result));
            } catch (error) {
                reject(error);
            }
        });
    });
}

// The collector does not know of the memory behind GLib.Bytes: gigabytes would pile up. And when it
// begins by itself, bit by bit, gjs 1.74 drops all callbacks that come in between, whatever they are
// of: the program hangs. A whole collection in time makes that unlikely.
function collect(size) {
    uncollected += size;
    if (uncollected < UNCOLLECTED_LIMIT)
        return;
    uncollected = 0;
    System.gc();
}

async function* readChunks(stream, cancellable) {
    for (;;) {
        const bytes = await call(stream, 'read_bytes', CHUNK_SIZE, GLib.PRIORITY_DEFAULT,
            cancellable);
        const chunk = bytes.toArray();
        collect(CHUNK_SIZE);
        if (chunk.length === 0)
            return;
        yield chunk;
    }
}

function decode(chunks) {
    const bytes = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
    let size = 0;
    for (const chunk of chunks) {
        bytes.set(chunk, size);
        size += chunk.length;
    }
    return new TextDecoder().decode(bytes);
}

// Gives arrays of lines. Decodes whole lines only: a newline never is a part of another character.
async function* readBatches(stream, cancellable) {
    let begun = [];
    for await (const chunk of readChunks(stream, cancellable)) {
        const end = chunk.lastIndexOf(NEWLINE);
        if (end >= 0) {
            begun.push(chunk.subarray(0, end));
            const lines = decode(begun).split('\n');
            begun = [];
            collect(lines.length * LINE_COST);
            yield lines;
        }
        if (end + 1 < chunk.length)
            begun.push(chunk.slice(end + 1));
    }
    if (begun.length > 0)
        yield [decode(begun)];
}

// One by one what batches give. No generator: each of its values would take several turns of the
// job queue, of more than 10 µs each, and this takes one.
function singly(batches) {
    let batch = [];
    let index = 0;
    const advance = async () => {
        const {value, done} = await batches.next();
        batch = done ? [] : value;
        index = 1;
        return {value: batch[0], done};
    };

    return {
        [Symbol.asyncIterator]() {
            return this;
        },
        next() {
            if (index < batch.length)
                return Promise.resolve({value: batch[index++], done: false});
            return advance();
        },
        return() {
            batch = [];
            return batches.return();
        },
    };
}

// With its stack, as far as it is the program's own
function describeThrown(thrown) {
    try {
        const frames = `${thrown?.stack ?? ''}`.split('\n')
            .filter(frame => frame !== '' && !frame.includes('/overrides/Gp.js:'));
        return [String(thrown), ...frames].join('\n');
    } catch {
        return 'threw something that cannot be shown';
    }
}

function describeReturned(value) {
    return value === Object(value) ? Object.prototype.toString.call(value) : String(value);
}

function reportError(context, error) {
    // Nobody else would ever hear of it
    if (reported.has(context))
        logError(error, 'after the end of the stage was reported');
    else
        context.return_error(error);
}

function reportReturned(context, value, what, advice) {
    if (!reported.has(context))
        context.return_fault(`${what} ${describeReturned(value)}: ${advice}`);
}

// Calls a stage's function, and takes care that what becomes of it is reported on the context
function runStage(context, name, func) {
    let result;
    try {
        result = func();
    } catch (error) {
        reportError(context, error);
        return true;
    }

    if (typeof result?.then === 'function') {
        Promise.resolve(result).then(value => {
            if (value === false) {
                reportReturned(context, value, `the promise of ${name} gave`,
                    'throw an error to fail');
            } else if (!reported.has(context)) {
                context.return_success();
            }
        }, error => reportError(context, error));
    } else if (result !== true) {
        reportReturned(context, result, `${name} returned`,
            'make it an async function, or return true and report the end on the context');
    }
    return true;
}

function wrapRun(run) {
    return function (context) {
        // Called by a derived class, which wants what the method itself returns
        if (runners.get(context) === this)
            return run.call(this, context);

        runners.set(context, this);
        return runStage(context, 'vfunc_run ()', () => run.call(this, context));
    };
}

function isStageClass(Gp, klass) {
    const interfaces = Object.hasOwn(klass, GObject.interfaces) ? klass[GObject.interfaces] : [];
    return interfaces.includes(Gp.Stage) ||
        GObject.type_is_a(Object.getPrototypeOf(klass).$gtype, Gp.Stage.$gtype);
}

function prepareStageClass(Gp, klass) {
    const overrides = name => Object.hasOwn(klass.prototype, name);

    if (Object.getPrototypeOf(klass) === Gp.ThreadStage || overrides('vfunc_process')) {
        throw new TypeError(`${klass.name}: a Gp.ThreadStage works in a thread, where JavaScript ` +
            'cannot be called: derive from GObject.Object, implement Gp.Stage with ' +
            '"async vfunc_run (context)", or use Gp.AsyncStage.new ()');
    }
    if (overrides('vfunc_needs_main_context')) {
        throw new TypeError(`${klass.name}: vfunc_needs_main_context () cannot be overridden: ` +
            'JavaScript always needs the main context');
    }
    if (overrides('vfunc_start_async') || overrides('vfunc_start_finish')) {
        throw new TypeError(`${klass.name}: vfunc_start_async () cannot be implemented in ` +
            'JavaScript: implement "async vfunc_run (context)"');
    }
    if (Object.hasOwn(klass, GObject.interfaces) &&
        klass[GObject.interfaces].includes(Gp.Limitable)) {
        throw new TypeError(`${klass.name}: Gp.Limitable cannot be implemented in JavaScript: ` +
            'its methods are called in a thread');
    }
    if (overrides('vfunc_run'))
        klass.prototype.vfunc_run = wrapRun(klass.prototype.vfunc_run);
}

// GObject.registerClass () calls this, by whatever name a program knows it
function watchClasses(Gp) {
    const classInit = GObject.Object._classInit;
    GObject.Object._classInit = function (klass) {
        if (isStageClass(Gp, klass))
            prepareStageClass(Gp, klass);
        return classInit.call(this, klass);
    };
}

function refuseThreads(Gp) {
    const refuse = name => {
        throw new TypeError(`${name} works in a thread, where JavaScript cannot be called: ` +
            'use Gp.AsyncStage.new (name, async context => { … })');
    };
    const init = Gp.ThreadStage.prototype._init;

    Gp.ThreadStage.prototype._init = function (...args) {
        if (this.constructor === Gp.ThreadStage)
            refuse('Gp.ThreadStage');
        init.apply(this, args);
    };
    Gp.FunctionStage.prototype._init = () => refuse('Gp.FunctionStage');
    Gp.FunctionStage.new = () => refuse('Gp.FunctionStage');
}

function patchAsyncStage(Gp) {
    const newStage = Gp.AsyncStage.new;

    Gp.AsyncStage.prototype._init = () => {
        throw new TypeError('use Gp.AsyncStage.new (name, async context => { … })');
    };
    Gp.AsyncStage.new = function (name, func) {
        if (typeof func !== 'function')
            throw new TypeError('Gp.AsyncStage.new () wants a name and a function');
        return newStage.call(this, name,
            context => runStage(context, 'the function', () => func(context)));
    };
}

// What a function that decides has thrown. In a callback, only a GLib.Error keeps its message.
function toError(Gp, thrown) {
    if (thrown instanceof GLib.Error)
        return thrown;
    return newFault(Gp, describeThrown(thrown));
}

function newFault(Gp, message) {
    return new GLib.Error(Gp.PipelineError, Gp.PipelineError.FAULT, message);
}

// Wraps a function that the library calls. What it gives must be one of the members of an
// enumeration, or pass a check of another kind.
function guard(Gp, func, isValid, advice) {
    if (typeof func !== 'function')
        throw new TypeError(`a function is wanted, that ${advice}`);
    return (...args) => {
        let result;
        try {
            result = func(...args);
        } catch (error) {
            throw toError(Gp, error);
        }
        if (!isValid(result)) {
            throw newFault(Gp, `the function returned ${describeReturned(result)}: ` +
                `it is one that ${advice}`);
        }
        return result;
    };
}

function guardDecision(Gp, func, name) {
    const members = Object.values(Gp[name]);
    return guard(Gp, func, result => typeof result === 'number' && members.includes(result),
        `returns a Gp.${name}, not asynchronously`);
}

function patchLineStage(Gp) {
    const newInContext = Gp.LineStage.new_in_context;
    const refuse = name => () => {
        throw new TypeError(`${name} calls a function in a thread, where JavaScript cannot be ` +
            'called: use Gp.LineStage.new_in_context (name, (lines, output) => { … })');
    };

    Gp.LineStage.prototype._init = () => {
        throw new TypeError('use Gp.LineStage.new_in_context (name, (lines, output) => { … })');
    };
    Gp.LineStage.new = refuse('Gp.LineStage.new ()');
    Gp.LineStage.new_bytes = refuse('Gp.LineStage.new_bytes ()');
    Gp.LineStage.prototype.set_split_function = refuse('set_split_function ()');
    Gp.LineStage.new_in_context = function (name, func) {
        const decide = guardDecision(Gp, func, 'LineAction');
        return newInContext.call(this, name, (lines, output) => {
            collect(lines.reduce((size, line) => size + line.length, lines.length * LINE_COST));
            return decide(lines, output);
        });
    };
}

function patchBytesStage(Gp) {
    const newStage = Gp.BytesStage.new;
    const init = Gp.BytesStage.prototype._init;

    Gp.BytesStage.new = function (name, data) {
        return newStage.call(this, name, toBytes(data));
    };
    Gp.BytesStage.prototype._init = function (properties = {}, ...rest) {
        const {bytes = null, ...others} = properties;
        init.call(this, {...others, bytes: toBytes(bytes)}, ...rest);
    };
}

// gjs makes a GLib.Error with the stack of the program, and fails where there is none: in what the
// main loop calls. So errors come in parts, and are put together in here.
function patchErrors(Gp) {
    const newFilter = Gp.ErrorFilterStage.new_with_parts;
    const newMatcher = Gp.ErrorMatcher.new_with_parts;

    Gp.ErrorFilterStage.new = function (stage, func) {
        const decide = guardDecision(Gp, func, 'ErrorAction');
        return newFilter.call(this, stage, (...parts) => decide(new GLib.Error(...parts)));
    };
    Gp.ErrorMatcher.new = function (func) {
        const match = guardDecision(Gp, func, 'ErrorMatch');
        return newMatcher.call(this, (...parts) => {
            try {
                return match(new GLib.Error(...parts));
            } catch (error) {
                // It has no error of its own to give
                logError(error, 'in the function of a Gp.ErrorMatcher');
                return Gp.ErrorMatch.NO;
            }
        });
    };
}

function patchDecisions(Gp) {
    const setFaultHandler = Gp.Pipeline.prototype.set_fault_handler;

    Gp.Pipeline.prototype.set_fault_handler = function (func) {
        setFaultHandler.call(this, func && guardDecision(Gp, func, 'ErrorAction'));
    };

    for (const proto of [Gp.Pipeline.prototype, Gp.CommandStage.prototype]) {
        const addEnvironFunction = proto.add_environ_function;
        proto.add_environ_function = function (func) {
            addEnvironFunction.call(this, guard(Gp, func, Array.isArray,
                'returns an array of NAME=VALUE'));
        };
    }
}

function patchReports(Gp, proto) {
    const {return_success: returnSuccess, return_error: returnError, return_fault: returnFault} =
        proto;
    const once = report => function (...args) {
        if (reported.has(this))
            throw new Error('the end of this stage was reported before');
        report.apply(this, args);
        reported.add(this);
    };

    proto.return_success = once(function () {
        if (unawaited.has(this)) {
            returnFault.call(this, UNAWAITED);
        } else if (enough.has(this)) {
            returnError.call(this, new GLib.Error(Gp.PipelineError,
                Gp.PipelineError.FINISH_EARLY, 'had enough input'));
        } else {
            returnSuccess.call(this);
        }
    });
    proto.return_fault = once(returnFault);
    proto.return_error = once(function (error) {
        if (error instanceof GLib.Error)
            returnError.call(this, error);
        else
            returnFault.call(this, describeThrown(error));
    });
}

function patchContext(Gp, proto) {
    patchReports(Gp, proto);

    // Leaving the loop tells the stage before that this one has had enough, and success then means
    // that it finished early.
    const reader = read => async function* () {
        const stdin = this.get_stdin();
        let left = true;
        try {
            if (stdin)
                yield* read(stdin, this.get_cancellable());
            left = false;
        } catch (error) {
            left = false;
            throw error;
        } finally {
            if (left)
                enough.add(this);
            this.close_stdin();
        }
    };
    proto.chunks = reader(readChunks);
    proto.line_batches = reader(readBatches);
    proto.lines = function () {
        return singly(this.line_batches());
    };

    const write = async function (data) {
        const stdout = this.get_stdout();
        let rest = toArray(data);
        while (stdout && rest.length > 0) {
            const size = await call(stdout, 'write_bytes', new GLib.Bytes(rest),
                GLib.PRIORITY_DEFAULT, this.get_cancellable());
            collect(rest.length);
            rest = rest.subarray(size);
        }
    };

    // What nobody reads is discarded. Never write_all_async (), which keeps no copy of its data.
    // A function that does not await it looks at no promise that is rejected, and would succeed.
    proto.write = async function (data) {
        if (writing.has(this)) {
            unawaited.add(this);
            throw new Error(UNAWAITED);
        }

        writing.add(this);
        try {
            await write.call(this, data);
        } finally {
            writing.delete(this);
        }
    };
}

function patchCommunicate(proto) {
    for (const [name, convert] of [['communicate', toBytes], ['communicate_utf8', toText]]) {
        for (const method of [name, `${name}_async`]) {
            const original = proto[method];
            proto[method] = function (data = null, cancellable = null, ...callback) {
                return original.call(this, convert(data), cancellable, ...callback);
            };
        }
    }
}

// The cancellable may be left out, unless a callback follows
function patchCancellable(proto) {
    for (const name of ['start', 'wait', 'run']) {
        for (const method of [name, `${name}_async`]) {
            const original = proto[method];
            proto[method] = function (cancellable = null, ...callback) {
                return original.call(this, cancellable, ...callback);
            };
        }
    }
}

// What append () and append_ignoring () take: a function becomes a stage of its name.
function toStage(Gp, stage) {
    return typeof stage === 'function'
        ? Gp.AsyncStage.new(stage.name || 'function', stage)
        : stage;
}

function patchAppend(Gp, proto) {
    const {append, append_ignoring} = proto;

    proto.append = function (stage) {
        append.call(this, toStage(Gp, stage));
    };
    proto.append_ignoring = function (stage, matcher) {
        append_ignoring.call(this, toStage(Gp, stage), matcher);
    };
}

function patchPipeline(proto) {
    for (const name of ['start', 'wait', 'run', 'communicate', 'communicate_utf8'])
        Gio._promisify(proto, `${name}_async`, `${name}_finish`);
    patchCommunicate(proto);
    patchCancellable(proto);

    proto[Symbol.iterator] = function* () {
        for (let i = 0; i < this.get_n_stages(); i++)
            yield this.get_status(i);
    };

    // Starts the pipeline and gives the lines of its output, as they come, in arrays: much cheaper
    // where there are many. The pipeline's error is thrown at the end. Leaving the loop closes the
    // output, which is no error: the pipeline then ends as it would in a shell. To end it at once
    // cancel it, to know how it ended wait for it.
    proto.line_batches = async function* (cancellable = null) {
        const output = this.open_output();
        let failure = null;
        try {
            await this.start_async(cancellable);
            try {
                yield* readBatches(output, null);
            } catch (error) {
                failure = error;
            }
        } finally {
            output.close(null);
        }

        // What went wrong in the pipeline says more than what that did to its output.
        await this.wait_async();
        if (failure !== null)
            throw failure;
    };
    proto.lines = function (cancellable = null) {
        return singly(this.line_batches(cancellable));
    };
}

function _init() {
    const Gp = this;

    watchClasses(Gp);
    refuseThreads(Gp);
    patchAsyncStage(Gp);
    patchContext(Gp, Gp.StageContext.prototype);
    patchPipeline(Gp.Pipeline.prototype);
    patchAppend(Gp, Gp.Pipeline.prototype);
    patchLineStage(Gp);
    patchBytesStage(Gp);
    patchErrors(Gp);
    patchDecisions(Gp);
}
