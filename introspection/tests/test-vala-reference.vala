/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a pipeline promises, row by row, from Vala: ends, errors, starts that fail, limits. The cases
 * have the names and the numbers that they have in the other languages. */

using Gp;

namespace TestVala {

// Copies, and says what its ends are
const string TELL_ENDS =
  "ends=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo \"$ends\" >&2; cat";

CommandStage missing ()
{
  return new CommandStage ({ "/nonexistent" });
}

CommandStage seq ()
{
  return new CommandStage ({ "seq", "100000" });
}

CommandStage always_true ()
{
  return new CommandStage ({ "true" });
}

void assert_stage_states (Pipeline pipeline, StageState[] states)
{
  assert_true (pipeline.get_n_stages () == states.length);
  for (uint i = 0; i < states.length; i++)
    assert_true (pipeline.get_status (i).get_state () == states[i]);
}

// Another program with pipes at both ends, which the library knows nothing of
class Helper : Object {
  public OutputStream stdin { get; private set; }
  public InputStream stdout { get; private set; }
  Subprocess process;

  public Helper (string mode) throws Error
  {
    process = new Subprocess.newv ({ GpTest.child (), mode },
                                   SubprocessFlags.STDIN_PIPE | SubprocessFlags.STDOUT_PIPE);
    stdin = process.get_stdin_pipe ();
    stdout = process.get_stdout_pipe ();
  }

  public void end () throws Error
  {
    process.force_exit ();
    process.wait ();
    stdin.close ();
    stdout.close ();
  }
}

delegate void Trial () throws Error;

// For cases in which nothing may fail but what is looked at
void must (Trial trial)
{
  try {
    trial ();
  } catch (Error e) {
    error ("%s", e.message);
  }
}

// 1: commands

// A command gets the very files of the caller
void descriptors_at_the_ends ()
{
  must (() => {
    var folder = File.new_for_path (DirUtils.make_tmp ("XXXXXX"));
    var source = folder.get_child ("in");
    var target = folder.get_child ("out");
    var pipeline = pipeline_of (shell (TELL_ENDS));

    FileUtils.set_contents (source.get_path (), "text");
    pipeline.stdin = source.read ();
    pipeline.stdout = target.create (FileCreateFlags.NONE);
    run (pipeline);
    assert_true (pipeline.get_edge_kind (0) == EdgeKind.DESCRIPTOR);
    assert_true (pipeline.get_edge_kind (1) == EdgeKind.DESCRIPTOR);
    assert_strv (pipeline.get_status (0).dup_stderr_text ().strip ().split ("\n"),
                 { source.get_path (), target.get_path () });
    assert_false (pipeline.stdin.is_closed () || pipeline.stdout.is_closed ());
    assert_str (text_of (target.load_bytes ()), "text");
    source.@delete ();
    target.@delete ();
    folder.@delete ();
  });
}

// It never ends, but nobody waits for it: with a descriptor, and copied by a thread
void unread_input ()
{
  must (() => {
    foreach (var kind in new EdgeKind[] { EdgeKind.DESCRIPTOR, EdgeKind.PUMP }) {
      var silent = new Helper ("wait");
      var pipeline = pipeline_of (command ("exit", "0"));

      pipeline.stdin = kind == EdgeKind.PUMP ? new BufferedInputStream (silent.stdout)
                                             : silent.stdout;
      assert_true (run (pipeline));
      assert_true (pipeline.get_edge_kind (0) == kind);
      assert_false (silent.stdout.is_closed ());
      silent.end ();
    }
  });
}

void empty_pipeline ()
{
  must (() => {
    var data = new Bytes ({ 'a', 0xff });
    var stdout = new MemoryOutputStream.resizable ();
    var pipeline = new Pipeline ();

    assert_true (run (new Pipeline ()));
    assert_true (new Pipeline ().run ());
    assert_true (communicate (new Pipeline (), data).compare (data) == 0);

    pipeline.stdin = new MemoryInputStream.from_data ("copied".data);
    pipeline.stdout = stdout;
    pipeline.close_stdout = true;
    run (pipeline);
    assert_true (stdout.is_closed ());
    assert_str (text_of (stdout.steal_as_bytes ()), "copied");
  });
}

// 2: lines, and stages beside each other

// What a line is, in a thread and in the main context
void assert_lines (LineSeparator separator, uint8[] data, string[] expected)
{
  string[] seen = {};
  string[] seen_in_context = {};
  var bytes = new Bytes (data);
  LineStage[] stages = {
    new LineStage ("lines", (line, output) => {
      seen += line;
      return LineAction.KEEP;
    }),
    new LineStage.in_context ("lines", (some, output) => {
      foreach (unowned var line in some)
        seen_in_context += line;
      return LineAction.KEEP;
    })
  };

  foreach (var line_stage in stages) {
    line_stage.separator = separator;
    // What is kept has not changed.
    must (() => assert_true (communicate (pipeline_of (line_stage), bytes).compare (bytes) == 0));
  }
  assert_strv (seen, expected);
  assert_strv (seen_in_context, expected);
}

void lines_separated ()
{
  assert_lines (LineSeparator.NEWLINE, "a\r\n\n b".data, { "a\r", "", " b" });
  assert_lines (LineSeparator.NUL, { 'a', '\n', 0, 0, 'b' }, { "a\n", "", "b" });
  assert_lines (LineSeparator.WORDS, "a\tb\nc".data, { "a", "b", "c" });
}

// What a function wrote arrives, although it fails then
void lines_flushed ()
{
  LineStage[] stages = {
    new LineStage ("lines", (line, output) => {
      output.put_string ("so far");
      throw new IOError.NO_SPACE ("full");
    }),
    new LineStage.in_context ("lines", (some, output) => {
      output.put_string ("so far");
      throw new IOError.NO_SPACE ("full");
    })
  };

  foreach (var line_stage in stages) {
    var pipeline = pipeline_of (line_stage, command ("cat"));

    assert_error_of (pipeline, "a\nb\n", new IOError.NO_SPACE ("lines: full"));
    assert_str (text_of (pipeline.dup_output ()), "so far");
  }
}

void mixed_stages ()
{
  var first = new FunctionStage ("lines", (input, output, context) =>
    output.write_all ("one two\nthree four\n".data, null));
  var shout = new LineStage ("shout", (line, output) => {
    output.put_string (line.up () + "\n");
    return LineAction.DROP;
  });
  var word_stage = new LineStage.in_context ("words", (words, output) => {
    foreach (unowned var word in words)
      output.put_string (@"[$word]");
    return LineAction.DROP;
  }) { separator = LineSeparator.WORDS };

  assert_output (pipeline_of (first, shout, word_stage, new MeterStage (null, 0), command ("cat")),
                 null, "[ONE][TWO][THREE][FOUR]");
}

// 4: stages

void pipeline_as_stage ()
{
  var inner_pipeline = pipeline_of (command ("cat"), new FunctionStage ("upper", upper));
  var pipeline = pipeline_of (command ("cat"), inner_pipeline, command ("cat"));

  assert_output (pipeline, "some words", "SOME WORDS");
  assert_stage_states (pipeline, { StageState.SUCCEEDED, StageState.SUCCEEDED,
                                   StageState.SUCCEEDED });
  var children = pipeline.get_status (1).get_children ();
  assert_true (children.get_n_items () == 2);
  assert_str (((StageStatus) children.get_item (0)).name, "cat");
  assert_str (((StageStatus) children.get_item (1)).name, "upper");

  inner_pipeline = pipeline_of (command ("exit", "3"), command ("cat"));
  var e = error_of (pipeline_of (command ("cat"), inner_pipeline));
  assert_true (error_matches_exit_status (e, 3));
  assert_str (e.message, "exit: exit status 3");
}

// 5: errors

void messages ()
{
  must (() => {
    assert_str (error_of (new Pipeline.from_string ("false | true")).message,
                "false: exit status 1");
    var e = error_of (new Pipeline.from_string ("ls doesnotexist"));
    assert_true (e.message.contains ("ls: exit status") && e.message.contains ("doesnotexist"));
  });
}

// The start says so; until then and afterwards the pipeline can be asked anything.
void empty_command ()
{
  CommandStage[] stages = { new CommandStage ({ "" }), new CommandStage ({}) };

  foreach (var command_stage in stages) {
    var pipeline = pipeline_of (command_stage, command ("cat"));

    assert_true (pipeline.get_n_stages () == 2);
    var e = error_of (pipeline);
    assert_true (e is PipelineError.INVALID);
    assert_str (e.message, "starting stage \"command\": the command is empty");
    assert_stage_states (pipeline, { StageState.FAILED, StageState.NOT_STARTED });
    try {
      pipeline.wait ();
      assert_not_reached ();
    } catch (Error again) {
      assert_str (again.message, e.message);
    }
  }
}

void killed_by_sigpipe ()
{
  var e = error_of (pipeline_of (seq (), always_true ()));
  ErrorMatcher[] matchers = { new ErrorMatcher.@signal (ProcessSignal.PIPE),
                              new ErrorMatcher.pipe () };

  assert_true (e is SignalError.PIPE && error_matches_pipe (e));
  assert_true (e.message.has_prefix ("seq: killed by SIGPIPE"));
  foreach (var matcher in matchers) {
    var ignoring = new Pipeline ();

    ignoring.append_ignoring (seq (), matcher);
    ignoring.append (always_true ());
    must_run (ignoring);
  }

  // One that writes when the other has long ended
  AsyncResult? result = null;
  var pipeline = pipeline_of (shell ("read line; echo foo"), always_true ());
  must (() => {
    var stdin = pipeline.open_input ();

    pipeline.run_async.begin (null, (object, res) => { result = res; });
    GpTest.wait_until ("the last stage", () => {
      return pipeline.get_status (1).get_state () == StageState.SUCCEEDED;
    });
    stdin.write_all ("go\n".data, null);
    stdin.close ();
  });
  GpTest.wait_until ("the end", () => result != null);
  try {
    pipeline.run_async.end (result);
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is SignalError.PIPE);
  }
}

// A stage that succeeds (-), fails (1, 2), wrote to a closed pipe (P) or finishes early (F)
AsyncStage ending_stage (char letter)
{
  return new AsyncStage (letter.to_string (), (context) => {
    switch (letter) {
    case '1':
      throw new IOError.EXISTS ("1");
    case '2':
      throw new IOError.BUSY ("2");
    case 'P':
      throw new IOError.BROKEN_PIPE ("P");
    case 'F':
      throw new PipelineError.FINISH_EARLY ("enough");
    default:
      context.return_success ();
      return true;
    }
  });
}

void assert_wins (string letters, string winner)
{
  string[] failed = {};
  var pipeline = new Pipeline ();

  for (int i = 0; i < letters.length; i++)
    pipeline.append (ending_stage (letters[i]));
  pipeline.event["pipeline-failed"].connect ((event) => { failed += event.get_stage_name (); });
  if (winner == "-") {
    must_run (pipeline);
    assert_true (failed.length == 0);
  } else {
    assert_str (error_of_run (pipeline).message, @"$winner: $winner");
    assert_strv (failed, { winner });
  }
}

void which_error ()
{
  string[,] rows = {
    { "---", "-" }, { "1", "1" }, { "-1-", "1" }, { "-12-", "1" }, { "-P1-", "1" },
    { "-1P-", "1" }, { "-1-2-", "1" }, { "-F-F-", "-" }, { "1F", "1" }, { "F1", "1" },
    { "PF", "-" }, { "PFF", "-" }, { "PPF", "-" }, { "P-F", "P" }, { "FP", "P" },
    { "1PF", "1" }, { "P1F", "1" }
  };

  for (int i = 0; i < rows.length[0]; i++)
    assert_wins (rows[i, 0], rows[i, 1]);
}

// A command killed by SIGPIPE because the function after it had enough
void finish_early_excuses ()
{
  var enough = new FunctionStage ("enough", (input, output, context) => {
    input.read_bytes (3, context.get_cancellable ());
    throw new PipelineError.FINISH_EARLY ("enough");
  });
  var pipeline = pipeline_of (command ("spew"), enough);

  must_run (pipeline);
  assert_stage_states (pipeline, { StageState.FAILED, StageState.FINISHED_EARLY });
  assert_true (error_matches_pipe (pipeline.get_status (0).error));
}

async string communicate_utf8_async (Pipeline pipeline) throws Error
{
  return yield pipeline.communicate_utf8_async ();
}

// An error, which loses no byte
void invalid_utf8 ()
{
  for (int i = 0; i < 2; i++) {
    AsyncResult? result = null;
    var pipeline = pipeline_of (command ("invalid-utf8"));

    try {
      if (i == 0) {
        pipeline.communicate_utf8 ();
      } else {
        communicate_utf8_async.begin (pipeline, (object, res) => { result = res; });
        GpTest.wait_until ("the output", () => result != null);
        communicate_utf8_async.end (result);
      }
      assert_not_reached ();
    } catch (Error e) {
      assert_true (e is IOError.INVALID_DATA);
    }
    assert_cmpmem (pipeline.dup_output ().get_data (), { 'c', 'a', 'f', 0xe9, 0xff, '\n' });
  }
}

void output_before_ignored_error ()
{
  var pipeline = new Pipeline ();

  pipeline.append_ignoring (new FunctionStage ("seven", (input, output, context) => {
    for (int i = 1; i <= 7; i++)
      output.write_all (@"$i\n".data, null);
    throw new IOError.NO_SPACE ("after seven");
  }), new ErrorMatcher.error (IOError.quark (), IOError.NO_SPACE));
  pipeline.append (command ("cat"));
  assert_output (pipeline, null, "1\n2\n3\n4\n5\n6\n7\n");
}

void assert_start_fails (Pipeline pipeline, StageState[] states)
{
  var stdout = new MemoryOutputStream.resizable ();

  pipeline.stdout = stdout;
  pipeline.close_stdout = true;
  must (() => {
    // Somebody may still write to it: only a stage that is stopped ends.
    var stdin = pipeline.open_input ();
    var e = error_of_run (pipeline);

    assert_true (e is SpawnError.NOENT && e.message.contains ("/nonexistent"));
    stdin.close ();
  });
  assert_stage_states (pipeline, states);
  assert_true (stdout.is_closed ());
}

// Who runs is stopped, who comes later never starts, and what was given is closed
void start_failure ()
{
  assert_start_fails (pipeline_of (missing (), command ("wait")),
                      { StageState.FAILED, StageState.NOT_STARTED });
  assert_start_fails (pipeline_of (command ("wait"), missing (), command ("wait")),
                      { StageState.FAILED, StageState.FAILED, StageState.NOT_STARTED });
  assert_start_fails (pipeline_of (new FunctionStage ("upper", upper), missing ()),
                      { StageState.FAILED, StageState.FAILED });
}

// Nothing is left behind by many of them: it is counted around each case.
void failed_starts ()
{
  for (int i = 0; i < 50; i++) {
    var pipeline = pipeline_of (missing ());

    pipeline.stdout = new MemoryOutputStream.resizable ();
    assert_true (error_of_run (pipeline) is SpawnError.NOENT);
  }
}

// How a watched command fails, in decorators within each other, and how much memory it had
Error watched_error (CommandStage command_stage, int64 limit, out uint64 peak)
{
  uint64 used = 0;
  var filtered = new ErrorFilterStage (command_stage, (e) => ErrorAction.KEEP);
  var pipeline = pipeline_of (new MemoryWatchStage (filtered, limit) { interval = 5 });

  pipeline.event["memory-peak"].connect ((event) => {
    assert_true (used == 0 && event.get_details ().lookup ("used", "t", out used));
  });
  var e = error_of_run (pipeline);
  assert_true (used == pipeline.get_status (0).get_tree_memory_peak ());
  peak = used;
  return e;
}

// Five processes count together, whatever is around them; and the peak is told after a kill as after
// a failure.
void memory_tree ()
{
  uint64 peak;
  var e = watched_error (command ("descend", "5", (8 * MIB).to_string ()), 24 * MIB, out peak);

  assert_true (e is PipelineError.MEMORY_LIMIT && peak > 24 * MIB);
  e = watched_error (command ("allocate-and-exit", (16 * MIB).to_string (), "3"), 0, out peak);
  assert_true (error_matches_exit_status (e, 3) && peak >= 16 * MIB);
}

// 6: cancelling

void assert_cancelled_by (string mode, uint kill_delay, int signum)
{
  var command_stage = command (mode, "ready");
  var pipeline = pipeline_of (command_stage);

  command_stage.kill_delay = kill_delay;
  start (pipeline);
  pipeline.cancel ();
  try {
    pipeline.wait ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is IOError.CANCELLED);
  }
  assert_true (pipeline.get_status (0).get_term_signal () == signum);
}

// It is asked to terminate, and killed if it does not; the error is why it was.
void cancel_by_signals ()
{
  assert_cancelled_by ("wait", 60000, ProcessSignal.TERM);
  assert_cancelled_by ("ignore-term-and-wait", 20, ProcessSignal.KILL);
}

void disturb (Pipeline pipeline, CommandStage command_stage)
{
  command_stage.kill (new IOError.NO_SPACE ("too early, or too late"));
  pipeline.cancel ();
  assert_false (command_stage.send_signal (ProcessSignal.TERM));
}

void kill_what_does_not_run ()
{
  var command_stage = command ("exit", "0");
  var pipeline = pipeline_of (command_stage);

  disturb (pipeline, command_stage);
  must_run (pipeline);
  disturb (pipeline, command_stage);
  assert_stage_states (pipeline, { StageState.SUCCEEDED });

  command_stage = missing ();
  pipeline = pipeline_of (command_stage);
  disturb (pipeline, command_stage);
  assert_true (error_of_run (pipeline) is SpawnError.NOENT);
  disturb (pipeline, command_stage);
  assert_stage_states (pipeline, { StageState.FAILED });
}

// 8: properties and signals

// A slow reader gets every byte, and then the end of file, for the pipe was given.
void given_pipe ()
{
  must (() => {
    AsyncResult? result = null;
    size_t size = 1, n = 0;
    var reader = new Helper ("slow-cat");
    var pipeline = pipeline_of (command ("spew", "100000"));

    pipeline.stdout = reader.stdin;
    pipeline.close_stdout = true;
    pipeline.run_async.begin (null, (object, res) => { result = res; });
    while (size > 0) {
      size = reader.stdout.read_bytes (65536).get_size ();
      n += size;
    }
    assert_true (n == 100000);
    GpTest.wait_until ("the end", () => result != null);
    assert_true (pipeline.run_async.end (result));
    assert_true (reader.stdin.is_closed ());
    reader.end ();
  });
}

void directory_of_pipeline ()
{
  var cwd_command = command ("cwd");
  var pipeline = pipeline_of (command ("cwd"));

  pipeline.directory = "/proc";
  assert_output (pipeline, null, "/proc\n");
  cwd_command.directory = "/usr";
  pipeline = pipeline_of (cwd_command);
  pipeline.directory = "/proc";
  assert_output (pipeline, null, "/usr\n");
}

// Later ones win, and only the first '=' is a separator.
void environment_values ()
{
  int n_calls = 0;
  var pipeline = pipeline_of (command ("environ"));

  pipeline.environ = { "A=b=c", "B==", "C=", "D=1", "E=1", "F=1" };
  pipeline.setenv ("D", "2=", true);
  pipeline.add_environ ({ "E=2", "F=2" });
  pipeline.add_environ_function (() => { return { "F=3", "G=3" }; });
  pipeline.add_environ_function (() => { return { "G=4" }; });
  assert_output (pipeline, null, "A=b=c\nB==\nC=\nD=2=\nE=2\nF=3\nG=4\n");

  pipeline = new Pipeline ();
  pipeline.add_environ_function (() => {
    n_calls++;
    return {};
  });
  pipeline.append (command ("exit", "0"));
  assert_true (n_calls == 0);
  must_run (pipeline);
  assert_true (n_calls == 1);

  pipeline = pipeline_of (command ("environ"));
  pipeline.environ = { "NOTHING" };
  var e = error_of_run (pipeline);
  assert_true (e is PipelineError.INVALID && e.message.contains ("NOTHING"));
}

void assert_events (Pipeline pipeline, EventKind[] kinds)
{
  EventKind[] seen = {};

  pipeline.event.connect ((event) => { seen += event.get_kind (); });
  try {
    run (pipeline);
  } catch (Error e) {
    // It is in the events.
  }
  assert_true (seen.length == kinds.length);
  for (int i = 0; i < kinds.length; i++)
    assert_true (seen[i] == kinds[i]);
}

void event_order ()
{
  assert_events (pipeline_of (command ("exit", "0")),
                 { EventKind.STAGE_STARTED, EventKind.STAGE_FINISHED });
  assert_events (pipeline_of (command ("exit", "3")),
                 { EventKind.STAGE_STARTED, EventKind.STAGE_FAILED, EventKind.PIPELINE_FAILED });
  assert_events (pipeline_of (command ("wait"), missing ()),
                 { EventKind.STAGE_STARTED, EventKind.START_FAILED, EventKind.STAGE_FAILED,
                   EventKind.PIPELINE_FAILED });
}

void add_reference_cases ()
{
  GpTest.add ("/vala/1/descriptors-at-the-ends", descriptors_at_the_ends);
  GpTest.add ("/vala/1/unread-input", unread_input);
  GpTest.add ("/vala/1/empty-pipeline", empty_pipeline);
  GpTest.add ("/vala/2/lines-separated", lines_separated);
  GpTest.add ("/vala/2/lines-flushed", lines_flushed);
  GpTest.add ("/vala/2/mixed-stages", mixed_stages);
  GpTest.add ("/vala/4/pipeline-as-stage", pipeline_as_stage);
  GpTest.add ("/vala/5/messages", messages);
  GpTest.add ("/vala/5/empty-command", empty_command);
  GpTest.add ("/vala/5/killed-by-sigpipe", killed_by_sigpipe);
  GpTest.add ("/vala/5/which-error", which_error);
  GpTest.add ("/vala/5/finish-early-excuses", finish_early_excuses);
  GpTest.add ("/vala/5/invalid-utf8", invalid_utf8);
  GpTest.add ("/vala/5/output-before-ignored-error", output_before_ignored_error);
  GpTest.add ("/vala/5/start-failure", start_failure);
  GpTest.add ("/vala/5/failed-starts", failed_starts);
  GpTest.add ("/vala/5/memory-tree", memory_tree);
  GpTest.add ("/vala/6/cancel-by-signals", cancel_by_signals);
  GpTest.add ("/vala/6/kill-what-does-not-run", kill_what_does_not_run);
  GpTest.add ("/vala/8/given-pipe", given_pipe);
  GpTest.add ("/vala/8/directory-of-pipeline", directory_of_pipeline);
  GpTest.add ("/vala/8/environment-values", environment_values);
  GpTest.add ("/vala/8/event-order", event_order);
}

}
