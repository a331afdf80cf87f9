/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands under control, from Vala: limits, usage, events, descriptors, terminals, signals. The
 * cases have the names and the numbers that they have in the other languages. */

using Gp;

namespace TestVala {

const int64 MIB = 1024 * 1024;

void assert_invalid (string part, Stage first, Stage? second = null)
{
  try {
    run (pipeline_of (first, second));
    assert_not_reached ();
  } catch (PipelineError.INVALID e) {
    assert_true (e.message.contains (part));
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void must_run (Pipeline pipeline)
{
  try {
    assert_true (run (pipeline));
  } catch (Error e) {
    error ("%s", e.message);
  }
}

// Starts a pipeline whose last stage says something when it is ready, and waits for that
void start (Pipeline pipeline)
{
  try {
    var stdout = new DataInputStream (pipeline.open_output ());

    pipeline.start ();
    assert_str (stdout.read_line (), "ready");
    stdout.close ();
  } catch (Error e) {
    error ("%s", e.message);
  }
}

CommandStage shell (string script)
{
  return new CommandStage ({ "/bin/sh", "-c", script });
}

// A new file, which is open
int open_file (out string path)
{
  try {
    return FileUtils.open_tmp ("XXXXXX", out path);
  } catch (Error e) {
    error ("%s", e.message);
  }
}

// 1: commands

void own_streams ()
{
  var stdin = new MemoryInputStream.from_data ("its own".data);
  var stdout = new MemoryOutputStream.resizable ();
  var command_stage = command ("cat");

  command_stage.set_stdin (stdin);
  command_stage.set_stdout (stdout);
  must_run (pipeline_of (command_stage));
  assert_false (stdin.is_closed () || stdout.is_closed ());
  assert_true (stdout.get_data_size () == 7);

  command_stage = command ("cat");
  command_stage.stdin = stdin;
  assert_invalid ("standard input of its own", command ("cat"), command_stage);
  command_stage = command ("cat");
  command_stage.stdout = stdout;
  assert_invalid ("standard output of its own", command_stage, command ("cat"));
}

void descriptors ()
{
  string path, contents;
  int fd = open_file (out path);
  var command_stage = shell ("echo text >&7");

  command_stage.take_fd (fd, 7);
  must_run (pipeline_of (command_stage));
  try {
    FileUtils.get_contents (path, out contents);
    assert_str (contents, "text\n");
  } catch (Error e) {
    error ("%s", e.message);
  }
  FileUtils.unlink (path);
  // The stage has closed what it was given.
  assert_true (Posix.fcntl (fd, Posix.F_GETFD) < 0);

  command_stage = command ("exit", "0");
  for (int i = 0; i < 2; i++) {
    command_stage.take_fd (open_file (out path), 7);
    FileUtils.unlink (path);
  }
  assert_invalid ("twice", command_stage);
}

void terminal ()
{
  uint columns, rows;
  var tty_command = command ("is-tty");
  var size_command = new CommandStage ({ "stty", "size" });

  assert_output (pipeline_of (command ("is-tty")), null, "0 0 0\n");
  tty_command.terminal = true;
  assert_output (pipeline_of (tty_command), null, "1 1 0\n");

  size_command.terminal = true;
  size_command.get_terminal_size (out columns, out rows);
  assert_true (columns == 80 && rows == 24);
  size_command.set_terminal_size (100, 40);
  size_command.get_terminal_size (out columns, out rows);
  assert_true (columns == 100 && rows == 40);
  assert_output (pipeline_of (size_command), null, "40 100\n");
}

void send_signal ()
{
  var command_stage = command ("term-exit", "3", "ready");
  var pipeline = pipeline_of (command_stage);

  command_stage.accept_exit_status (3);
  assert_false (command_stage.send_signal (ProcessSignal.TERM));
  start (pipeline);
  assert_true (command_stage.send_signal (ProcessSignal.TERM));
  try {
    assert_true (pipeline.wait ());
  } catch (Error e) {
    error ("%s", e.message);
  }
  assert_true (pipeline.get_status (0).get_exit_status () == 3);
  assert_false (command_stage.send_signal (ProcessSignal.TERM));
}

void descendants ()
{
  var command_stage = command ("grandchild-hold", "stdout");

  // Somebody who holds the output is left behind, and is ended with the command.
  command_stage.kill_descendants = true;
  try {
    string pid = pipeline_of (command_stage).communicate_utf8 ().strip ();

    GpTest.wait_until ("its end", () => !FileUtils.test (@"/proc/$pid", FileTest.EXISTS));
  } catch (Error e) {
    error ("%s", e.message);
  }

  command_stage = command ("exit", "0");
  command_stage.supervised = false;
  command_stage.kill_descendants = true;
  assert_invalid ("not supervised", command_stage);
  command_stage = command ("exit", "0");
  command_stage.supervised = false;
  command_stage.die_with_parent = true;
  assert_invalid ("not supervised", command_stage);

  command_stage = command ("exit", "0");
  command_stage.die_with_parent = true;
  must_run (pipeline_of (command_stage));
}

// 5: errors

void accepted_exit_status ()
{
  var command_stage = new CommandStage ({ GpTest.child (), "both", "out", "err", "3" });
  var pipeline = pipeline_of (command_stage);

  command_stage.accept_exit_status (3);
  assert_output (pipeline, null, "out");
  assert_true (pipeline.get_status (0).get_state () == StageState.SUCCEEDED);
  assert_true (pipeline.get_status (0).get_exit_status () == 3);

  command_stage = command ("exit", "4");
  command_stage.accept_exit_status (3);
  try {
    run (pipeline_of (command_stage));
    assert_not_reached ();
  } catch (Error e) {
    assert_true (error_matches_exit_status (e, 4));
  }

  command_stage = command ("exit", "0");
  command_stage.accept_exit_status (256);
  assert_invalid ("256", command_stage);
}

void time_limit ()
{
  var command_stage = command ("wait");

  command_stage.name = "sleepy";
  command_stage.time_limit = 50;
  try {
    run (pipeline_of (command_stage, command ("cat")));
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is IOError.TIMED_OUT);
    assert_true (e.message.contains ("sleepy"));
  }
}

void assert_memory_limit (Pipeline pipeline)
{
  try {
    run (pipeline);
    assert_not_reached ();
  } catch (PipelineError.MEMORY_LIMIT e) {
    assert_true (e.message.contains ("hungry"));
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void memory_limit ()
{
  Event? seen = null;
  uint64 limit, used;
  var command_stage = command ("allocate", (64 * MIB).to_string ());
  var pipeline = pipeline_of (command_stage);

  command_stage.name = "hungry";
  command_stage.memory_limit = 16 * MIB;
  command_stage.memory_interval = 5;
  pipeline.event["memory-limit"].connect ((event) => {
    assert_null (seen);
    seen = event;
  });
  assert_memory_limit (pipeline);
  assert_true (pipeline.get_status (0).get_tree_memory_peak () > 16 * MIB);
  assert_true (seen.get_kind () == EventKind.MEMORY_LIMIT);
  assert_true (seen.get_details ().lookup ("limit", "t", out limit) && limit == 16 * MIB);
  assert_true (seen.get_details ().lookup ("used", "t", out used) && used > 16 * MIB);
}

void memory_watch ()
{
  Event? seen = null;
  uint64 used;
  var command_stage = command ("allocate-and-exit", (16 * MIB).to_string ());
  var memory_watch = new MemoryWatchStage (command_stage, 0);
  var pipeline = pipeline_of (memory_watch);

  assert_true (memory_watch.get_stage () == command_stage);
  pipeline.event["memory-peak"].connect ((event) => {
    assert_null (seen);
    seen = event;
  });
  must_run (pipeline);
  int64 peak = pipeline.get_status (0).get_tree_memory_peak ();
  assert_true (peak >= 16 * MIB);
  assert_true (seen.get_kind () == EventKind.MEMORY_PEAK);
  assert_true (seen.get_details ().n_children () == 1);
  assert_true (seen.get_details ().lookup ("used", "t", out used) && used == peak);

  pipeline = pipeline_of (command ("allocate", (64 * MIB).to_string ()));
  pipeline.name = "hungry";
  memory_watch = (MemoryWatchStage) Object.new (typeof (MemoryWatchStage), stage: pipeline,
                                                limit: 16 * MIB, interval: 5);
  assert_memory_limit (pipeline_of (memory_watch));
  assert_invalid ("", new MemoryWatchStage (new FunctionStage ("f", upper), 0));
}

void assert_measured (Limitable stage, bool running, int64 least)
{
  uint64 memory, peak;

  assert_true (stage.measure (out memory, out peak) == running);
  assert_true (memory >= least && peak >= least);
  assert_true (running || (memory == 0 && peak == 0));
}

// Measures itself: what is compiled may implement all of it.
class Measured : Object, Stage, Limitable {
  public bool check () throws Error
  {
    throw new IOError.NOT_SUPPORTED ("not today");
  }

  public bool measure (out uint64 memory, out uint64 peak)
  {
    memory = 5;
    peak = 6;
    return true;
  }

  public void kill (Error reason)
  {
  }
}

void limitable ()
{
  uint64 memory, peak;
  var command_stage = command ("allocate", (16 * MIB).to_string (), "ready");
  var pipeline = pipeline_of (command_stage);

  assert_measured (command_stage, false, 0);
  try {
    assert_true (command_stage.check ());
    start (pipeline);
    assert_measured (command_stage, true, 16 * MIB);
    command_stage.kill (new IOError.NO_SPACE ("go"));
    pipeline.wait ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is IOError.NO_SPACE && e.message.contains ("go"));
  }
  assert_measured (command_stage, false, 0);

  try {
    new MemoryWatchStage (new FunctionStage ("f", upper), 0).check ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is PipelineError.INVALID);
  }

  var memory_watch = new MemoryWatchStage (new Measured (), 0);
  assert_true (memory_watch.measure (out memory, out peak) && memory == 5 && peak == 6);
  try {
    memory_watch.check ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is IOError.NOT_SUPPORTED);
  }
}

// 8: properties and signals

void resource_limits ()
{
  // GLib has one, too.
  Gp.Resource[] resources = { Gp.Resource.CPU_TIME, Gp.Resource.FILE_SIZE, Gp.Resource.OPEN_FILES,
                              Gp.Resource.ADDRESS_SPACE, Gp.Resource.CORE_SIZE };
  int64[] limits = { 77, 512 * 88, 99, 1024 * 999999, 0 };
  var command_stage = shell ("ulimit -t; ulimit -f; ulimit -n; ulimit -v; ulimit -c");
  var nice_command = new CommandStage ({ "nice" });

  for (int i = 0; i < resources.length; i++) {
    assert_true (command_stage.get_resource_limit (resources[i]) == -1);
    command_stage.set_resource_limit (resources[i], limits[i]);
    assert_true (command_stage.get_resource_limit (resources[i]) == limits[i]);
  }
  assert_output (pipeline_of (command_stage), null, "77\n88\n99\n999999\n0\n");

  nice_command.nice = 3;
  try {
    int own = int.parse (pipeline_of (new CommandStage ({ "nice" })).communicate_utf8 ());

    assert_true (int.parse (pipeline_of (nice_command).communicate_utf8 ()) ==
                 int.min (own + 3, 19));
  } catch (Error e) {
    error ("%s", e.message);
  }
}

void usage ()
{
  var alone_command = command ("burn", "1");
  var pipeline = pipeline_of (command ("burn", "50"));
  var status = pipeline.get_status (0);

  assert_true (status.get_user_time () == -1 && status.get_system_time () == -1);
  assert_true (status.get_wall_time () == -1 && status.get_peak_memory () == -1);
  must_run (pipeline);
  assert_true (status.get_user_time () + status.get_system_time () >= 45000);
  assert_true (status.get_wall_time () > 0);
  assert_true (status.get_wall_time () == status.get_ended_at () - status.get_started_at ());
  assert_true (status.get_peak_memory () > 4096);
  assert_true (status.get_tree_memory_peak () == -1);
  assert_true (status.user_time == status.get_user_time ());
  assert_true (status.system_time == status.get_system_time ());
  assert_true (status.wall_time == status.get_wall_time ());
  assert_true (status.peak_memory == status.get_peak_memory ());
  assert_true (status.tree_memory_peak == -1);

  alone_command.supervised = false;
  pipeline = pipeline_of (alone_command);
  must_run (pipeline);
  status = pipeline.get_status (0);
  assert_true (status.user_time == -1 && status.system_time == -1 && status.peak_memory == -1);
  assert_true (status.wall_time >= 0);
}

// What happens in a pipeline that fails. The events are looked at when the signal is long over.
GenericArray<Event> events_of (Pipeline pipeline, string? nick = null)
{
  var events = new GenericArray<Event> ();

  if (nick == null)
    pipeline.event.connect ((event) => events.add (event));
  else
    pipeline.event[nick].connect ((event) => events.add (event));
  try {
    run (pipeline);
    assert_not_reached ();
  } catch (Error e) {
    // It is in the events.
  }
  return events;
}

Pipeline broken_pipeline ()
{
  var fine = command ("exit", "0");
  var broken = command ("exit", "3");

  fine.name = "fine";
  broken.name = "broken";
  return pipeline_of (fine, broken);
}

uint count_events (GenericArray<Event> events, EventKind kind, string stage_name)
{
  uint count = 0;

  foreach (var event in events)
    if (event.get_kind () == kind && event.get_stage_name () == stage_name)
      count++;
  return count;
}

void events ()
{
  int pid, exit_status;
  var all = events_of (broken_pipeline ());

  assert_true (all.length == 5);
  assert_true (count_events (all, EventKind.STAGE_STARTED, "fine") == 1);
  assert_true (count_events (all, EventKind.STAGE_STARTED, "broken") == 1);
  assert_true (count_events (all, EventKind.STAGE_FINISHED, "fine") == 1);
  assert_true (count_events (all, EventKind.STAGE_FAILED, "broken") == 1);
  assert_true (all[4].get_kind () == EventKind.PIPELINE_FAILED);
  assert_str (all[4].get_stage_name (), "broken");

  var pipeline = broken_pipeline ();
  var failures = events_of (pipeline, "stage-failed");
  assert_true (failures.length == 1);
  var event = failures[0];
  assert_true (event.get_stage () == pipeline.get_status (1).get_stage ());
  assert_true (error_matches_exit_status (event.dup_error (), 3));
  assert_true (event.get_message ().contains ("broken"));
  assert_true (event.get_details ().n_children () == 2);
  assert_true (event.get_details ().lookup ("exit-status", "i", out exit_status));
  assert_true (event.get_details ().lookup ("pid", "i", out pid));
  assert_true (exit_status == 3 && pid > 0);

  var others = events_of (pipeline_of (new CommandStage ({ "/nonexistent" })));
  assert_true (others.length == 2);
  assert_true (others[0].get_kind () == EventKind.START_FAILED);
  assert_true (others[1].get_kind () == EventKind.PIPELINE_FAILED);
}

void stopped ()
{
  int n_stopped = 0, n_continued = 0;
  var command_stage = command ("wait", "ready");
  var pipeline = pipeline_of (command_stage);
  unowned StageStatus status = pipeline.get_status (0);

  pipeline.event["stage-stopped"].connect ((event) => {
    int signum;

    assert_true (event.get_kind () == EventKind.STAGE_STOPPED);
    assert_true (event.get_details ().lookup ("signal", "i", out signum));
    assert_true (signum == ProcessSignal.STOP);
    assert_true (status.get_state () == StageState.STOPPED);
    n_stopped++;
  });
  pipeline.event["stage-continued"].connect ((event) => {
    assert_true (event.get_kind () == EventKind.STAGE_CONTINUED);
    assert_true (status.get_state () == StageState.RUNNING);
    n_continued++;
  });
  start (pipeline);

  command_stage.send_signal (ProcessSignal.STOP);
  GpTest.wait_until ("it is stopped", () => n_stopped == 1);
  assert_true (status.dup_summary ().contains ("SIGSTOP"));
  command_stage.send_signal (ProcessSignal.CONT);
  GpTest.wait_until ("it is continued", () => n_continued == 1);
  command_stage.send_signal (ProcessSignal.KILL);
  try {
    pipeline.wait ();
    assert_not_reached ();
  } catch (Error e) {
    assert_true (e is SignalError.KILL);
  }
  assert_true (n_stopped == 1 && n_continued == 1);
}

void add_process_cases ()
{
  GpTest.add ("/vala/1/own-streams", own_streams);
  GpTest.add ("/vala/1/descriptors", descriptors);
  GpTest.add ("/vala/1/terminal", terminal);
  GpTest.add ("/vala/1/send-signal", send_signal);
  GpTest.add ("/vala/1/descendants", descendants);
  GpTest.add ("/vala/5/accepted-exit-status", accepted_exit_status);
  GpTest.add ("/vala/5/time-limit", time_limit);
  GpTest.add ("/vala/5/memory-limit", memory_limit);
  GpTest.add ("/vala/5/memory-watch", memory_watch);
  GpTest.add ("/vala/5/limitable", limitable);
  GpTest.add ("/vala/8/resource-limits", resource_limits);
  GpTest.add ("/vala/8/usage", usage);
  GpTest.add ("/vala/8/events", events);
  GpTest.add ("/vala/8/stopped", stopped);
}

}
