/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The library from Vala, through its vapi. The cases have the names and the numbers that they have
 * in the other languages. What is left behind is counted around each. */

using Gp;

namespace TestVala {

delegate Stage Factory ();

CommandStage command (string mode, string? argument = null, string? other = null)
{
  string[] argv = { GpTest.child (), mode };

  if (argument != null)
    argv += argument;
  if (other != null)
    argv += other;
  var stage = new CommandStage (argv);
  stage.name = mode;
  return stage;
}

Pipeline pipeline_of (Stage first, Stage? second = null, Stage? third = null, Stage? fourth = null,
                      Stage? fifth = null)
{
  var pipeline = new Pipeline ();
  Stage?[] stages = { first, second, third, fourth, fifth };

  GpTest.watch (pipeline);
  foreach (var stage in stages)
    if (stage != null)
      pipeline.append (stage);
  return pipeline;
}

// Asynchronous calls, waited for in the default context

async bool run_async (Pipeline pipeline, Cancellable? cancellable) throws Error
{
  return yield pipeline.run_async (cancellable);
}

async Bytes communicate_async (Pipeline pipeline, Bytes? input) throws Error
{
  return yield pipeline.communicate_async (input);
}

bool run (Pipeline pipeline, Cancellable? cancellable = null) throws Error
{
  AsyncResult? result = null;

  run_async.begin (pipeline, cancellable, (object, res) => { result = res; });
  GpTest.wait_until ("run_async", () => result != null);
  return run_async.end (result);
}

Bytes communicate (Pipeline pipeline, Bytes? input = null) throws Error
{
  AsyncResult? result = null;

  communicate_async.begin (pipeline, input, (object, res) => { result = res; });
  GpTest.wait_until ("communicate_async", () => result != null);
  return communicate_async.end (result);
}

void assert_output (Pipeline pipeline, string? input, string expected)
{
  try {
    var bytes = communicate (pipeline, input != null ? new Bytes (input.data) : null);
    var text = new StringBuilder ();
    text.append_len ((string) bytes.get_data (), (ssize_t) bytes.get_size ());
    assert_cmpstr (text.str, CompareOperator.EQ, expected);
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void assert_fails (Pipeline pipeline, Error expected)
{
  try {
    run (pipeline);
    error ("it did not fail with: %s", expected.message);
  } catch (Error e) {
    assert_cmpstr (e.message, CompareOperator.EQ, expected.message);
    assert_true (e.matches (expected.domain, expected.code));
  }
}

// 1: commands

void command_command ()
{
  var pipeline = pipeline_of (command ("echo", "two", "words"), command ("cat"));

  assert_output (pipeline, null, "two words\n");
  assert_true (pipeline.get_edge_kind (1) == EdgeKind.PIPE);
}

void synchronous ()
{
  try {
    assert_cmpstr (pipeline_of (command ("cat")).communicate_utf8 ("café"), CompareOperator.EQ,
                   "café");
    assert_true (pipeline_of (command ("exit", "0")).run ());

    var pipeline = pipeline_of (command ("exit", "0"));
    assert_true (pipeline.start () && pipeline.wait ());
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void from_string ()
{
  try {
    var child = GpTest.child ();
    assert_output (new Pipeline.from_string (@"'$child' echo a | '$child' cat"), null, "a\n");
    assert_cmpstr (new CommandStage.from_string ("a 'b c'").argv[1], CompareOperator.EQ, "b c");
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void appended ()
{
  var pipeline = new Pipeline ();
  unowned var first = pipeline.append_command ({ GpTest.child (), "env", "GREETING" });

  first.setenv ("GREETING", "hello", true);
  pipeline.append_command ({ GpTest.child (), "cat" });
  assert_true (pipeline.get_n_stages () == 2);
  assert_output (pipeline, null, "hello\n");
}

// 2 and 3: functions

void function_in_the_middle ()
{
  assert_output (pipeline_of (command ("cat"), new FunctionStage ("upper", upper), command ("cat")),
                 "some words", "SOME WORDS");
}

void function_first ()
{
  var text = "from vala";
  var first = new FunctionStage ("first", (input, output, context) => {
    return output.write_all (text.data, null, context.get_cancellable ());
  });

  assert_output (pipeline_of (first, command ("cat")), null, "from vala");
}

void function_last ()
{
  var seen = new ByteArray ();
  var last = new FunctionStage (null, (input, output, context) => {
    Bytes bytes;

    while ((bytes = input.read_bytes (4096)).get_size () > 0)
      seen.append (bytes.get_data ());
    return true;
  });

  try {
    assert_true (run (pipeline_of (command ("echo", "to vala"), last)));
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_cmpmem (seen.data, "to vala\n".data);
}

void assert_cmpmem (uint8[] seen, uint8[] expected)
{
  assert_true (new Bytes (seen).compare (new Bytes (expected)) == 0);
}

void function_alone ()
{
  assert_output (pipeline_of (new FunctionStage ("upper", upper)), "alone", "ALONE");
}

void function_in_context ()
{
  var stage = new AsyncStage ("upper", (context) => {
    upper_and_report.begin (context);
    return true;
  });

  assert_output (pipeline_of (command ("cat"), stage, command ("cat")), "some words", "SOME WORDS");
}

// 4: stage classes in Vala

void assert_everywhere (Factory make)
{
  string text = "some words";
  string expected = "SOME WORDS";

  assert_output (pipeline_of (make ()), text, expected);
  assert_output (pipeline_of (make (), command ("cat")), text, expected);
  assert_output (pipeline_of (command ("cat"), make ()), text, expected);
  assert_output (pipeline_of (command ("cat"), make (), command ("cat")), text, expected);
  assert_output (pipeline_of (make (), new FunctionStage ("copy", copy)), text, expected);
  assert_output (pipeline_of (new FunctionStage ("copy", copy), make ()), text, expected);
  assert_output (pipeline_of (new FunctionStage ("copy", copy), make (),
                              new FunctionStage ("copy", copy)), text, expected);
}

void stage_in_context ()
{
  assert_everywhere (() => new UpperInContext ());
  assert_cmpstr (new UpperInContext ().get_name (), CompareOperator.EQ, "upper-in-context");
}

void stage_by_start_async ()
{
  assert_everywhere (() => new UpperStarted ());
  assert_cmpstr (new UpperStarted ().get_name (), CompareOperator.EQ, "TestValaUpperStarted");
}

void stage_in_thread ()
{
  assert_everywhere (() => new UpperInThread ());
}

void stages_next_to_each_other ()
{
  var pipeline = pipeline_of (new UpperInContext (), new UpperInThread (), new UpperStarted ());

  assert_output (pipeline, "some words", "SOME WORDS");
  assert_true (pipeline.get_edge_kind (1) == EdgeKind.MEMORY);
}

void stage_with_preferences ()
{
  var pipeline = pipeline_of (new FunctionStage ("copy", copy), new Picky (), new Picky ());

  try {
    assert_true (pipeline.run ());
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_true (pipeline.get_edge_kind (1) == EdgeKind.PIPE);
}

void stage_that_wraps ()
{
  assert_everywhere (() => new Wrapper (new UpperInContext ()));
  assert_everywhere (() => new Wrapper (new UpperInThread ()));
  assert_everywhere (() => new Wrapper (new FunctionStage ("upper", upper)));
  assert_output (pipeline_of (new Wrapper (command ("cat")), new UpperInContext ()), "some words",
                 "SOME WORDS");
  assert_fails (pipeline_of (new Wrapper (broken (1, Manner.THROW))),
                new IOError.NO_SPACE ("starting stage \"TestValaWrapper\": no room"));
}

void context ()
{
  var stage = new Curious ();
  var pipeline = pipeline_of (stage);

  pipeline.directory = "/";
  pipeline.environ = { "A=b" };
  pipeline.stdin = new MemoryInputStream ();
  pipeline.stdout = new MemoryOutputStream.resizable ();
  pipeline.close_stdout = true;
  try {
    run (pipeline);
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_cmpstr (stage.directory, CompareOperator.EQ, "/");
  assert_true (stage.environ.length == 1 && stage.environ[0] == "A=b");
  assert_true (stage.stdin_lent);
  assert_false (stage.stdout_lent);
  assert_true (pipeline.stdout.is_closed ());
  assert_false (pipeline.stdin.is_closed ());
}

// 5: errors

void error_of_command ()
{
  var pipeline = pipeline_of (command ("stderr", "oh no", "3"));

  try {
    run (pipeline);
    assert_not_reached ();
  } catch (PipelineError e) {
    assert_not_reached ();
  } catch (Error e) {
    assert_cmpstr (e.message, CompareOperator.EQ, "stderr: exit status 3: oh no");
    assert_true (error_matches_exit_status (e, 3));
    assert_false (error_matches_exit_status (e, 4));
    assert_false (error_matches_pipe (e));
  }
}

void error_of_signal ()
{
  try {
    run (pipeline_of (command ("kill-self", "9")));
    assert_not_reached ();
  } catch (SignalError.KILL e) {
    assert_true (e is SignalError);
  } catch (Error e) {
    assert_not_reached ();
  }
}

void error_of_start ()
{
  try {
    run (pipeline_of (new CommandStage ({ "/nonexistent/program" })));
    assert_not_reached ();
  } catch (SpawnError.NOENT e) {
    assert_true (e.message.contains ("/nonexistent/program"));
  } catch (Error e) {
    assert_not_reached ();
  }
}

void error_of_function ()
{
  var stage = new FunctionStage ("broken", (input, output, context) => {
    throw new IOError.NO_SPACE ("no room");
  });

  assert_fails (pipeline_of (command ("cat"), stage), new IOError.NO_SPACE ("broken: no room"));
}

Stage broken (int kind, Manner manner)
{
  switch (kind) {
  case 0:
    return new BrokenInContext (manner);
  case 1:
    return new BrokenStarted (manner);
  default:
    return new BrokenInThread (manner);
  }
}

void error_of_class ()
{
  assert_fails (pipeline_of (command ("cat"), broken (0, Manner.THROW), command ("cat")),
                new IOError.NO_SPACE ("broken: no room"));
  assert_fails (pipeline_of (command ("cat"), broken (1, Manner.THROW), command ("cat")),
                new IOError.NO_SPACE ("starting stage \"broken\": no room"));
  assert_fails (pipeline_of (command ("cat"), broken (2, Manner.THROW), command ("cat")),
                new IOError.NO_SPACE ("broken: no room"));
}

void fault ()
{
  for (int kind = 0; kind < 3; kind++)
    try {
      run (pipeline_of (broken (kind, Manner.WRONG_RETURN)));
      assert_not_reached ();
    } catch (PipelineError.FAULT e) {
      assert_true (e.message.contains ("broken"));
      assert_true (e.message.has_suffix ("returned FALSE without an error"));
    } catch (Error e) {
      error ("%s", e.message);
    }
  for (int kind = 0; kind < 2; kind++)
    assert_fails (pipeline_of (broken (kind, Manner.FAULT)),
                  new PipelineError.FAULT ("broken: not like this"));
}

void never_reported ()
{
  for (int kind = 0; kind < 2; kind++)
    assert_fails (pipeline_of (command ("cat"), broken (kind, Manner.NEVER), command ("cat")),
                  new PipelineError.FAULT ("broken: the stage dropped its context without " +
                                           "reporting its end"));
}

void reported_twice ()
{
  for (int kind = 0; kind < 3; kind++) {
    string text;

    GpTest.begin_criticals ();
    try {
      assert_true (run (pipeline_of (broken (kind, Manner.TWICE))));
    } catch (Error e) {
      error ("%s", e.message);
    }
    /* A thread goes on after its first report */
    GpTest.wait_busy_threads ();
    GpTest.end_criticals (out text);
    assert_true (text.has_prefix ("stage \"broken\" reported its end more than once\n"));
  }
}

void needs_main_context ()
{
  try {
    pipeline_of (new UpperInContext ()).run ();
    assert_not_reached ();
  } catch (PipelineError.NEEDS_MAIN_CONTEXT e) {
    assert_true (e.message.contains ("upper-in-context"));
  } catch (Error e) {
    assert_not_reached ();
  }
}

void wrong_order ()
{
  var pipeline = pipeline_of (command ("exit", "0"));

  try {
    pipeline.wait ();
    assert_not_reached ();
  } catch (PipelineError.NOT_STARTED e) {
  } catch (Error e) {
    assert_not_reached ();
  }
  try {
    run (pipeline);
    run (pipeline);
    assert_not_reached ();
  } catch (PipelineError.ALREADY_STARTED e) {
  } catch (Error e) {
    assert_not_reached ();
  }
}

void finish_early ()
{
  for (int kind = 0; kind < 3; kind += 2) {
    var pipeline = pipeline_of (command ("spew"), broken (kind, Manner.FINISH_EARLY));

    assert_output (pipeline, null, "");
    assert_true (pipeline.get_status (1).state == StageState.FINISHED_EARLY);
  }
}

// 6: cancelling

void assert_cancelled (Pipeline pipeline, Cancellable? cancellable = null)
{
  AsyncResult? result = null;

  pipeline.run_async.begin (cancellable, (object, res) => { result = res; });
  GpTest.wait_until ("the pipeline to run", () => pipeline.state == PipelineState.RUNNING);
  if (cancellable != null)
    cancellable.cancel ();
  else
    pipeline.cancel ();
  GpTest.wait_until ("the pipeline to end", () => result != null);
  try {
    pipeline.run_async.end (result);
    assert_not_reached ();
  } catch (IOError.CANCELLED e) {
    assert_true (pipeline.state == PipelineState.FAILED);
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void cancel_command ()
{
  assert_cancelled (pipeline_of (command ("wait")));
}

void cancel_functions ()
{
  assert_cancelled (pipeline_of (command ("wait"), new FunctionStage ("upper", upper),
                                 new UpperInThread (), new UpperInContext (), new UpperStarted ()),
                    new Cancellable ());
}

void cancel_pending ()
{
  assert_cancelled (pipeline_of (command ("wait"), new UpperInContext (), command ("cat")));
  assert_cancelled (pipeline_of (command ("wait"), new UpperStarted (), command ("cat")));
  assert_cancelled (pipeline_of (command ("wait"), new UpperInThread (), command ("cat")));
}

// 7: more than any buffer holds

void big_data ()
{
  uint8[] data = new uint8[10240000];

  for (int i = 0; i < data.length; i++)
    data[i] = (uint8) i;

  var input = new Bytes (data);
  var pipeline = pipeline_of (command ("cat"), new FunctionStage ("upper", upper),
                              new UpperInThread (), new UpperInContext (), new UpperStarted ());

  try {
    assert_true (communicate (pipeline, input).compare (new Bytes (upper_of (input))) == 0);
  } catch (Error e) {
    error ("%s", e.message);
  }
}

// 8: properties and signals

void properties ()
{
  var pipeline = (Pipeline) Object.new (typeof (Pipeline), name: "mine", ignore_pipe_errors: true);
  var stage = command ("stderr", "oh", "4");

  assert_cmpstr (pipeline.name, CompareOperator.EQ, "mine");
  assert_true (pipeline.ignore_pipe_errors);
  pipeline.time_limit = 5000;
  assert_true (pipeline.get_time_limit () == 5000);
  assert_null (pipeline.stdin);
  assert_null (pipeline.directory);
  assert_null (pipeline.environ);
  pipeline.environ = { "A=b" };
  assert_cmpstr (pipeline.environ[0], CompareOperator.EQ, "A=b");
  pipeline.environ = null;

  stage.kill_delay = 7;
  stage.stderr_mode = StderrMode.CAPTURE;
  stage.process_group = ProcessGroup.OWN;
  assert_true (stage.get_kill_delay () == 7);
  assert_true (stage.argv.length == 4 && stage.argv[3] == "4");

  pipeline.append (stage);
  try {
    run (pipeline);
    assert_not_reached ();
  } catch (Error e) {
    assert_true (error_matches_exit_status (e, 4));
  }

  var status = pipeline.get_status (0);
  assert_true (status.exit_status == 4 && status.term_signal == 0);
  assert_cmpstr (status.stderr_text, CompareOperator.EQ, "oh");
  assert_cmpstr (status.summary, CompareOperator.EQ, "exit status 4");
  assert_true (status.stage == stage);
  assert_true (error_matches_exit_status (status.error, 4));
  assert_null (status.children);
  assert_null (pipeline.get_status (1));
}

void signals ()
{
  PipelineState[] states = {};
  var pipeline = pipeline_of (command ("exit", "0"));

  /* The handler must not keep its pipeline */
  pipeline.notify["state"].connect ((source, pspec) => { states += ((Pipeline) source).state; });
  try {
    run (pipeline);
  } catch (Error e) {
    error ("%s", e.message);
  }
  /* A quick pipeline may have gone further by the time that one is told of a step */
  assert_true (states.length > 0);
  for (int i = 1; i < states.length; i++)
    assert_true (states[i - 1] <= states[i]);
  assert_true (states[states.length - 1] == PipelineState.SUCCEEDED);
}

void list ()
{
  var pipeline = pipeline_of (command ("exit", "0"), command ("cat"));
  string names = "";

  try {
    run (pipeline);
  } catch (Error e) {
    error ("%s", e.message);
  }
  var stages = pipeline.get_stages ();
  for (uint i = 0; i < stages.get_n_items (); i++)
    names += ((StageStatus) stages.get_item (i)).name + " ";
  assert_cmpstr (names, CompareOperator.EQ, "exit cat ");
}

void streams ()
{
  var output = new MemoryOutputStream.resizable ();
  var pipeline = pipeline_of (command ("cat"));

  pipeline.stdin = new MemoryInputStream.from_data ("lent".data);
  pipeline.stdout = output;
  try {
    run (pipeline);
    assert_false (output.is_closed ());
    output.close ();
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_cmpmem (output.steal_as_bytes ().get_data (), "lent".data);
}

void opened_ends ()
{
  var pipeline = pipeline_of (command ("cat"));

  try {
    var input = pipeline.open_input ();
    var output = new DataInputStream (pipeline.open_output ());

    pipeline.start ();
    input.write_all ("one\ntwo\n".data, null);
    input.close ();
    assert_cmpstr (output.read_line (), CompareOperator.EQ, "one");
    assert_cmpstr (output.read_line (), CompareOperator.EQ, "two");
    assert_null (output.read_line ());
    pipeline.wait ();
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void output_before_an_error ()
{
  var pipeline = pipeline_of (command ("echo", "so far"), broken (2, Manner.THROW));
  var other = pipeline_of (command ("both", "so far", "oh no"), command ("exit", "2"));

  assert_null (pipeline.dup_output ());
  try {
    communicate (pipeline);
    assert_not_reached ();
  } catch (Error e) {
    assert_true (pipeline.dup_output ().get_size () == 0);
  }
  try {
    communicate (other);
    assert_not_reached ();
  } catch (Error e) {
    assert_true (error_matches_exit_status (e, 2));
  }
}

// 9: nothing keeps an object alive

void freed ()
{
  var stage = new UpperInThread ();
  var other = new UpperInContext ();
  var pipeline = pipeline_of (command ("cat"), stage, other);
  unowned var stage_left = stage;
  unowned var other_left = other;

  stage_left.add_weak_pointer (&stage_left);
  other_left.add_weak_pointer (&other_left);
  assert_output (pipeline, "x", "X");
  pipeline = null;
  stage = null;
  other = null;
  GpTest.wait_until ("the stages to be freed", () => stage_left == null && other_left == null);
}

void closure_freed ()
{
  var held = new Object ();
  unowned var left = held;
  var pipeline = function_that_holds (held);

  left.add_weak_pointer (&left);
  held = null;
  assert_nonnull (left);
  try {
    run (pipeline);
  } catch (Error e) {
    error ("%s", e.message);
  }
  pipeline = null;
  GpTest.wait_until ("what the function held to be freed", () => left == null);
}

Pipeline function_that_holds (owned Object held)
{
  return pipeline_of (new FunctionStage ("holder", (input, output, context) => held != null));
}

int main (string[] args)
{
  GpTest.init (ref args);

  GpTest.add ("/vala/1/command-command", command_command);
  GpTest.add ("/vala/1/synchronous", synchronous);
  GpTest.add ("/vala/1/from-string", from_string);
  GpTest.add ("/vala/1/appended", appended);
  GpTest.add ("/vala/2/function-in-the-middle", function_in_the_middle);
  GpTest.add ("/vala/3/function-first", function_first);
  GpTest.add ("/vala/3/function-last", function_last);
  GpTest.add ("/vala/3/function-alone", function_alone);
  GpTest.add ("/vala/3/function-in-context", function_in_context);
  GpTest.add ("/vala/4/stage-in-context", stage_in_context);
  GpTest.add ("/vala/4/stage-by-start-async", stage_by_start_async);
  GpTest.add ("/vala/4/stage-in-thread", stage_in_thread);
  GpTest.add ("/vala/4/stages-next-to-each-other", stages_next_to_each_other);
  GpTest.add ("/vala/4/stage-with-preferences", stage_with_preferences);
  GpTest.add ("/vala/4/stage-that-wraps", stage_that_wraps);
  GpTest.add ("/vala/4/context", context);
  GpTest.add ("/vala/5/error-of-command", error_of_command);
  GpTest.add ("/vala/5/error-of-signal", error_of_signal);
  GpTest.add ("/vala/5/error-of-start", error_of_start);
  GpTest.add ("/vala/5/error-of-function", error_of_function);
  GpTest.add ("/vala/5/error-of-class", error_of_class);
  GpTest.add ("/vala/5/fault", fault);
  GpTest.add ("/vala/5/never-reported", never_reported);
  GpTest.add ("/vala/5/reported-twice", reported_twice);
  GpTest.add ("/vala/5/needs-main-context", needs_main_context);
  GpTest.add ("/vala/5/wrong-order", wrong_order);
  GpTest.add ("/vala/5/finish-early", finish_early);
  GpTest.add ("/vala/6/cancel-command", cancel_command);
  GpTest.add ("/vala/6/cancel-functions", cancel_functions);
  GpTest.add ("/vala/6/cancel-pending", cancel_pending);
  GpTest.add ("/vala/7/big-data", big_data);
  GpTest.add ("/vala/8/properties", properties);
  GpTest.add ("/vala/8/signals", signals);
  GpTest.add ("/vala/8/list", list);
  GpTest.add ("/vala/8/streams", streams);
  GpTest.add ("/vala/8/opened-ends", opened_ends);
  GpTest.add ("/vala/8/output-before-an-error", output_before_an_error);
  GpTest.add ("/vala/9/freed", freed);
  GpTest.add ("/vala/9/closure-freed", closure_freed);

  add_api_cases ();
  add_line_cases ();
  add_process_cases ();
  add_reference_cases ();
  add_setting_cases ();

  return GpTest.run ();
}

}
