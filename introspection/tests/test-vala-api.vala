/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rest of the library from Vala: whatever the other tests have no use for is tried here. The
 * cases have the names and the numbers that they have in the other languages. */

using Gp;

namespace TestVala {

void assert_str (string? seen, string? expected)
{
  assert_cmpstr (seen, CompareOperator.EQ, expected);
}

void assert_strv (string[]? seen, string[] expected)
{
  assert_str (string.joinv ("\n", seen), string.joinv ("\n", expected));
}

string text_of (Bytes bytes)
{
  var text = new StringBuilder ();

  text.append_len ((string) bytes.get_data (), (ssize_t) bytes.get_size ());
  return text.str;
}

// What was notified of is all that can be changed
class Notified : Object {
  GenericSet<string> names = new GenericSet<string> (str_hash, str_equal);

  public Notified (Object source)
  {
    source.notify.connect ((pspec) => names.add (pspec.name));
  }

  public void assert_all (Object source)
  {
    foreach (var pspec in source.get_class ().list_properties ())
      if ((pspec.flags & ParamFlags.WRITABLE) != 0 &&
          (pspec.flags & ParamFlags.CONSTRUCT_ONLY) == 0)
        assert_true (names.contains (pspec.name));
  }
}

void run_expecting (Pipeline pipeline, Quark domain, int code)
{
  try {
    pipeline.run ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e.matches (domain, code));
  }
}

// 1: commands

void versions ()
{
  assert_str (@"$(MAJOR_VERSION).$(MINOR_VERSION).$(MICRO_VERSION)", VERSION_S);
  assert_true (MAJOR_VERSION + MINOR_VERSION + MICRO_VERSION > 0);
}

void constructors ()
{
  try {
    assert_strv (new CommandStage ({ "a", "b c" }).get_argv (), { "a", "b c" });
    assert_strv (new CommandStage.from_string ("a 'b c'").get_argv (), { "a", "b c" });
    string[] argv = { "a" };
    var named_command = (CommandStage) Object.new (typeof (CommandStage), argv: argv, name: "b");
    assert_str (named_command.get_name (), "b");
    assert_true (new Pipeline ().get_n_stages () == 0);
    assert_true (new Pipeline.from_string ("a b | c").get_n_stages () == 2);
  } catch (Error e) {
    error ("%s", e.message);
  }
  try {
    new CommandStage.from_string ("a 'b");
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is PipelineError.INVALID);
  }
  try {
    new Pipeline.from_string ("a | | b");
    assert_not_reached ();
  } catch (PipelineError.INVALID e) {
  } catch (Error e) {
    assert_not_reached ();
  }
}

Pipeline new_pipeline ()
{
  return pipeline_of (command ("cat"));
}

async bool call_async () throws Error
{
  var pipeline = new_pipeline ();

  assert_true (yield pipeline.start_async ());
  assert_true (yield pipeline.wait_async ());
  pipeline = new_pipeline ();
  assert_true (yield pipeline.run_async ());
  pipeline = new_pipeline ();
  assert_str (text_of (yield pipeline.communicate_async (new Bytes ("x".data))), "x");
  pipeline = new_pipeline ();
  assert_str (yield pipeline.communicate_utf8_async ("x"), "x");
  return true;
}

void calls ()
{
  AsyncResult? result = null;

  try {
    var pipeline = new_pipeline ();

    assert_true (pipeline.start () && pipeline.wait () && pipeline.wait ());
    pipeline = new_pipeline ();
    assert_true (pipeline.run ());
    pipeline = new_pipeline ();
    assert_str (text_of (pipeline.communicate (new Bytes ("x".data))), "x");
    pipeline = new_pipeline ();
    assert_str (pipeline.communicate_utf8 ("x"), "x");

    call_async.begin ((object, res) => { result = res; });
    GpTest.wait_until ("all calls", () => result != null);
    assert_true (call_async.end (result));
  } catch (Error e) {
    error ("%s", e.message);
  }
}

// 4: stages

void assert_stage (Stage stage, string name, IOPreference preference, bool needs_main_context)
{
  IOPreference stdin_preference, stdout_preference;

  assert_str (stage.get_name (), name);
  stage.preferences (out stdin_preference, out stdout_preference);
  assert_true (stdin_preference == preference && stdout_preference == preference);
  assert_true (stage.needs_main_context () == needs_main_context);
}

void stage_methods ()
{
  var upper_async = new AsyncStage ("a", (context) => true);
  var in_thread = (ThreadStage) Object.new (typeof (UpperInThread), name: "mine");

  assert_str (upper_async.name, "a");
  assert_str (in_thread.name, "mine");
  assert_stage (command ("cat"), "cat", IOPreference.FD, false);
  assert_stage (new FunctionStage ("f", upper), "f", IOPreference.ANY, false);
  assert_stage (upper_async, "a", IOPreference.ANY, true);
  assert_stage (in_thread, "mine", IOPreference.ANY, false);
  assert_stage (new UpperInContext (), "upper-in-context", IOPreference.ANY, true);
  assert_stage (new Pipeline () { name = "inner" }, "inner", IOPreference.ANY, false);
}

// 5: errors

void assert_arrives (Error error)
{
  var stage = new FunctionStage ("f", (input, output, context) => {
    throw error;
  });

  try {
    pipeline_of (stage).run ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is PipelineError);
    assert_true (e.matches (PipelineError.quark (), error.code));
    assert_str (e.message, "f: " + error.message);
  }
}

void error_codes ()
{
  assert_arrives (new PipelineError.FAILED ("failed"));
  assert_arrives (new PipelineError.FAULT ("fault"));
  assert_arrives (new PipelineError.STATUS_LOST ("lost"));
  assert_arrives (new PipelineError.NEEDS_MAIN_CONTEXT ("needs"));
  assert_arrives (new PipelineError.ALREADY_STARTED ("started"));
  assert_arrives (new PipelineError.NOT_STARTED ("not started"));
  assert_arrives (new PipelineError.INVALID ("invalid"));
}

void signals_as_errors ()
{
  Error[] errors = {
    new SignalError.HUP ("SIGHUP"), new SignalError.INT ("SIGINT"),
    new SignalError.QUIT ("SIGQUIT"), new SignalError.ILL ("SIGILL"),
    new SignalError.TRAP ("SIGTRAP"), new SignalError.ABRT ("SIGABRT"),
    new SignalError.BUS ("SIGBUS"), new SignalError.FPE ("SIGFPE"),
    new SignalError.KILL ("SIGKILL"), new SignalError.USR1 ("SIGUSR1"),
    new SignalError.SEGV ("SIGSEGV"), new SignalError.USR2 ("SIGUSR2"),
    new SignalError.PIPE ("SIGPIPE"), new SignalError.ALRM ("SIGALRM"),
    new SignalError.TERM ("SIGTERM"), new SignalError.XCPU ("SIGXCPU"),
    new SignalError.XFSZ ("SIGXFSZ"), new SignalError.SYS ("SIGSYS")
  };

  foreach (unowned var expected in errors) {
    var pipeline = pipeline_of (command ("kill-self", expected.code.to_string ()));

    try {
      pipeline.run ();
      assert_not_reached ();
    } catch (Error e) {
      assert_true (e.matches (SignalError.quark (), expected.code));
      assert_true (e.message.contains (expected.message));
    }
    assert_true (pipeline.get_status (0).get_term_signal () == expected.code);
  }
}

void error_matches ()
{
  var pipe_error = new IOError.BROKEN_PIPE ("x");

  try {
    pipeline_of (command ("exit", "3")).run ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (error_matches_exit_status (e, 3));
    assert_false (error_matches_exit_status (e, 4));
    assert_false (error_matches_pipe (e));
  }
  assert_true (error_matches_pipe (pipe_error));
  assert_false (error_matches_exit_status (null, 3));
  assert_false (error_matches_pipe (null));
}

// 8: properties

void pipeline_settings ()
{
  var stdin = new MemoryInputStream ();
  var stdout = new MemoryOutputStream.resizable ();
  var pipeline = new Pipeline ();
  var notified = new Notified (pipeline);

  pipeline.set_name ("b");
  assert_str (pipeline.get_name (), "b");
  pipeline.name = null;
  assert_null (pipeline.name);
  pipeline.set_directory ("/");
  assert_str (pipeline.get_directory (), "/");
  pipeline.directory = null;
  assert_null (pipeline.directory);
  pipeline.set_environ ({ "A=b", "C=d" });
  assert_strv (pipeline.get_environ (), { "A=b", "C=d" });
  pipeline.environ = { "A=b" };
  assert_strv (pipeline.environ, { "A=b" });
  pipeline.set_environ (null);
  assert_null (pipeline.get_environ ());
  pipeline.set_time_limit (7);
  assert_true (pipeline.get_time_limit () == 7);
  pipeline.time_limit = 0;
  assert_true (pipeline.time_limit == 0);
  pipeline.set_abandon_delay (7);
  assert_true (pipeline.get_abandon_delay () == 7);
  pipeline.abandon_delay = 8;
  assert_true (pipeline.abandon_delay == 8);
  pipeline.set_pipe_hold_timeout (7);
  assert_true (pipeline.get_pipe_hold_timeout () == 7);
  pipeline.pipe_hold_timeout = 8;
  assert_true (pipeline.pipe_hold_timeout == 8);
  pipeline.set_ignore_pipe_errors (true);
  assert_true (pipeline.get_ignore_pipe_errors ());
  pipeline.ignore_pipe_errors = false;
  assert_false (pipeline.ignore_pipe_errors);
  pipeline.set_partial_input_is_error (true);
  assert_true (pipeline.get_partial_input_is_error ());
  pipeline.partial_input_is_error = false;
  assert_false (pipeline.partial_input_is_error);
  pipeline.set_stdin (stdin);
  assert_true (pipeline.get_stdin () == stdin);
  pipeline.stdin = null;
  assert_null (pipeline.stdin);
  pipeline.set_stdout (stdout);
  assert_true (pipeline.get_stdout () == stdout);
  pipeline.stdout = null;
  assert_null (pipeline.stdout);
  pipeline.set_close_stdin (true);
  assert_true (pipeline.get_close_stdin ());
  pipeline.close_stdin = false;
  assert_false (pipeline.close_stdin);
  pipeline.set_close_stdout (true);
  assert_true (pipeline.get_close_stdout ());
  pipeline.close_stdout = false;
  assert_false (pipeline.close_stdout);
  assert_true (pipeline.get_state () == PipelineState.BUILDING);
  notified.assert_all (pipeline);
}

void environment ()
{
  var pipeline = pipeline_of (command ("environ"));
  var environ_command = command ("environ");
  var cwd_command = command ("cwd");

  pipeline.environ = { "A=b", "C=d" };
  pipeline.setenv ("A", "kept", false);
  pipeline.setenv ("E", "f", true);
  pipeline.unsetenv ("C");
  assert_output (pipeline, null, "A=b\nE=f\n");

  environ_command.environ = { "A=b", "C=d" };
  environ_command.setenv ("A", "kept", false);
  environ_command.setenv ("E", "f", true);
  environ_command.unsetenv ("C");
  assert_output (pipeline_of (environ_command), null, "A=b\nE=f\n");

  cwd_command.directory = "/";
  assert_output (pipeline_of (cwd_command), null, "/\n");
}

void assert_stderr (StderrMode mode, string output, string captured, string streamed)
{
  var both = new CommandStage ({ GpTest.child (), "both", "out", "err\n" });
  var stream = new MemoryOutputStream.resizable ();
  var pipeline = pipeline_of (both);

  both.stderr_stream = stream;
  both.stderr_mode = mode;
  assert_output (pipeline, null, output);
  assert_str (pipeline.get_status (0).dup_stderr_text (), captured);
  assert_true (stream.get_data_size () == streamed.length);
}

void stderr_modes ()
{
  assert_stderr (StderrMode.CAPTURE, "out", "err\n", "");
  assert_stderr (StderrMode.INHERIT, "out", "", "");
  assert_stderr (StderrMode.DISCARD, "out", "", "");
  assert_stderr (StderrMode.MERGE, "outerr\n", "", "");
  assert_stderr (StderrMode.STREAM, "out", "", "err\n");
}

void assert_group (ProcessGroup group, bool own)
{
  var pgid_command = command ("pgid");
  var pipeline = pipeline_of (pgid_command);

  pgid_command.process_group = group;
  try {
    string[] ids = pipeline.communicate_utf8 ().strip ().split (" ");

    assert_true (int.parse (ids[0]) == pipeline.get_status (0).get_pid ());
    assert_true (int.parse (ids[1]) == (own ? int.parse (ids[0]) : (int) Posix.getpgrp ()));
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void process_groups ()
{
  assert_group (ProcessGroup.AUTO, true);
  assert_group (ProcessGroup.OWN, true);
  assert_group (ProcessGroup.CALLER, false);
}

void assert_edges (Pipeline pipeline, EdgeKind[] kinds)
{
  try {
    pipeline.run ();
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_true (pipeline.get_n_stages () + 1 == kinds.length);
  for (uint i = 0; i < kinds.length; i++)
    assert_true (pipeline.get_edge_kind (i) == kinds[i]);
}

void edges ()
{
  var pipeline = pipeline_of (command ("cat"), new UpperInThread (), new UpperInThread (),
                              command ("cat"));

  assert_edges (pipeline, { EdgeKind.NONE, EdgeKind.PIPE, EdgeKind.MEMORY, EdgeKind.PIPE,
                            EdgeKind.NONE });
  pipeline = pipeline_of (command ("cat"));
  pipeline.stdin = new MemoryInputStream ();
  pipeline.stdout = new MemoryOutputStream.resizable ();
  assert_edges (pipeline, { EdgeKind.PUMP, EdgeKind.PUMP });
  pipeline = pipeline_of (new FunctionStage ("copy", copy));
  pipeline.stdin = new MemoryInputStream ();
  assert_edges (pipeline, { EdgeKind.STREAM, EdgeKind.NONE });
  pipeline = pipeline_of (command ("cat"));
  try {
    pipeline.stdin = File.new_for_path ("/dev/null").read ();
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_edges (pipeline, { EdgeKind.DESCRIPTOR, EdgeKind.NONE });
}

void assert_states (Pipeline pipeline, PipelineState state, StageState[] states)
{
  assert_true (pipeline.state == state);
  assert_true (pipeline.get_n_stages () == states.length);
  for (uint i = 0; i < states.length; i++)
    assert_true (pipeline.get_status (i).get_state () == states[i]);
}

void states ()
{
  unowned Pipeline? running = null;
  OutputStream? stdin = null;
  var pipeline = pipeline_of (command ("cat"), new AsyncStage ("look", (context) => {
    assert_states (running, PipelineState.STARTING,
                   { StageState.RUNNING, StageState.STARTING, StageState.WAITING });
    stdin.close ();
    context.return_success ();
    return true;
  }), command ("cat"));

  running = pipeline;
  assert_states (pipeline, PipelineState.BUILDING,
                 { StageState.WAITING, StageState.WAITING, StageState.WAITING });
  try {
    stdin = pipeline.open_input ();
    run (pipeline);
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_states (pipeline, PipelineState.SUCCEEDED,
                 { StageState.SUCCEEDED, StageState.SUCCEEDED, StageState.SUCCEEDED });

  pipeline = pipeline_of (new CommandStage ({ "/nonexistent" }), command ("cat"));
  run_expecting (pipeline, SpawnError.quark (), SpawnError.NOENT);
  assert_states (pipeline, PipelineState.FAILED, { StageState.FAILED, StageState.NOT_STARTED });
}

void status ()
{
  var both = new CommandStage ({ GpTest.child (), "both", "out", "0123456789", "3" });
  var pipeline = pipeline_of (both);

  both.name = "both";
  both.stderr_limit = 4;
  try {
    pipeline.communicate ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (error_matches_exit_status (e, 3));
  }

  var status = pipeline.get_status (0);
  assert_true (status.get_stage () == both);
  assert_str (status.dup_name (), "both");
  assert_str (status.name, "both");
  assert_true (status.get_state () == StageState.FAILED);
  assert_str (status.dup_summary (), "exit status 3");
  assert_true (status.get_exit_status () == 3);
  assert_true (status.get_term_signal () == 0);
  assert_true (status.get_pid () > 0 && status.pid == status.get_pid ());
  assert_str (status.dup_stderr_text (), "6789");
  assert_str (text_of (status.dup_stderr_bytes ()), "6789");
  assert_str (text_of (status.stderr_bytes), "6789");
  assert_true (status.get_stderr_dropped () == 6 && status.stderr_dropped == 6);
  assert_true (status.get_started_at () > 0 && status.get_ended_at () >= status.get_started_at ());
  assert_true (status.started_at == status.get_started_at ());
  assert_true (status.ended_at == status.get_ended_at ());
  assert_null (status.get_children ());

  pipeline = pipeline_of (pipeline_of (command ("exit", "0"), command ("cat")));
  try {
    pipeline.run ();
  } catch (Error e) {
    error ("%s", e.message);
  }
  var outer_status = pipeline.get_status (0);
  assert_true (outer_status.error == null);
  assert_true (outer_status.get_children ().get_n_items () == 2);
  assert_true (outer_status.children.get_item (1) is StageStatus);
  assert_null (pipeline.get_status (1));
}

void add_api_cases ()
{
  GpTest.add ("/vala/1/versions", versions);
  GpTest.add ("/vala/1/constructors", constructors);
  GpTest.add ("/vala/1/calls", calls);
  GpTest.add ("/vala/4/stage-methods", stage_methods);
  GpTest.add ("/vala/5/error-codes", error_codes);
  GpTest.add ("/vala/5/signals-as-errors", signals_as_errors);
  GpTest.add ("/vala/5/error-matches", error_matches);
  GpTest.add ("/vala/8/pipeline-settings", pipeline_settings);
  GpTest.add ("/vala/8/environment", environment);
  GpTest.add ("/vala/8/stderr-modes", stderr_modes);
  GpTest.add ("/vala/8/process-groups", process_groups);
  GpTest.add ("/vala/8/edges", edges);
  GpTest.add ("/vala/8/states", states);
  GpTest.add ("/vala/8/status", status);
}

}
