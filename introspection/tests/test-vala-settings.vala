/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The settings of commands from Vala: each by its methods and as a property */

using Gp;

namespace TestVala {

void command_settings ()
{
  var command_stage = new CommandStage ({ "/bin/a", "b" });
  var notified = new Notified (command_stage);

  assert_strv (command_stage.get_argv (), { "/bin/a", "b" });
  assert_strv (command_stage.argv, { "/bin/a", "b" });
  assert_str (command_stage.get_name (), "a");

  command_stage.set_name ("b");
  assert_str (command_stage.get_name (), "b");
  command_stage.name = "c";
  assert_str (command_stage.name, "c");
  command_stage.set_name (null);
  assert_str (command_stage.name, "a");
  command_stage.set_directory ("/");
  assert_str (command_stage.get_directory (), "/");
  command_stage.directory = null;
  assert_null (command_stage.directory);
  command_stage.set_environ ({ "A=b", "C=d" });
  assert_strv (command_stage.get_environ (), { "A=b", "C=d" });
  command_stage.environ = { "A=b" };
  assert_strv (command_stage.environ, { "A=b" });
  command_stage.set_environ (null);
  assert_null (command_stage.get_environ ());
  command_stage.set_kill_delay (7);
  assert_true (command_stage.get_kill_delay () == 7);
  command_stage.kill_delay = 0;
  assert_true (command_stage.kill_delay == 0);
  command_stage.set_process_group (ProcessGroup.OWN);
  assert_true (command_stage.get_process_group () == ProcessGroup.OWN);
  command_stage.process_group = ProcessGroup.CALLER;
  assert_true (command_stage.process_group == ProcessGroup.CALLER);
  command_stage.set_stderr_limit (1LL << 40);
  assert_true (command_stage.get_stderr_limit () == 1LL << 40);
  command_stage.stderr_limit = 5;
  assert_true (command_stage.stderr_limit == 5);
  command_stage.set_stderr_mode (StderrMode.MERGE);
  assert_true (command_stage.get_stderr_mode () == StderrMode.MERGE);
  command_stage.stderr_mode = StderrMode.DISCARD;
  assert_true (command_stage.stderr_mode == StderrMode.DISCARD);
  set_streams (command_stage);
  set_processes (command_stage);
  set_limits (command_stage);
  notified.assert_all (command_stage);
}

void set_streams (CommandStage command_stage)
{
  var stdin = new MemoryInputStream ();
  var stream = new MemoryOutputStream.resizable ();

  command_stage.set_stdin (stdin);
  assert_true (command_stage.get_stdin () == stdin);
  command_stage.stdin = null;
  assert_null (command_stage.stdin);
  command_stage.set_stdout (stream);
  assert_true (command_stage.get_stdout () == stream);
  command_stage.stdout = null;
  assert_null (command_stage.stdout);
  command_stage.set_stderr_stream (stream);
  assert_true (command_stage.get_stderr_stream () == stream);
  command_stage.stderr_stream = null;
  assert_null (command_stage.stderr_stream);
}

void set_processes (CommandStage command_stage)
{
  assert_true (command_stage.supervised);
  command_stage.set_supervised (false);
  assert_false (command_stage.get_supervised ());
  command_stage.supervised = true;
  assert_true (command_stage.supervised);
  command_stage.set_die_with_parent (true);
  assert_true (command_stage.get_die_with_parent ());
  command_stage.die_with_parent = false;
  assert_false (command_stage.die_with_parent);
  command_stage.set_kill_descendants (true);
  assert_true (command_stage.get_kill_descendants ());
  command_stage.kill_descendants = false;
  assert_false (command_stage.kill_descendants);
  command_stage.set_terminal (true);
  assert_true (command_stage.get_terminal ());
  command_stage.terminal = false;
  assert_false (command_stage.terminal);
}

void set_limits (CommandStage command_stage)
{
  command_stage.set_time_limit (7);
  assert_true (command_stage.get_time_limit () == 7);
  command_stage.time_limit = 0;
  assert_true (command_stage.time_limit == 0);
  command_stage.set_memory_limit (1LL << 40);
  assert_true (command_stage.get_memory_limit () == 1LL << 40);
  command_stage.memory_limit = 5;
  assert_true (command_stage.memory_limit == 5);
  assert_true (command_stage.get_memory_interval () == 100);
  command_stage.set_memory_interval (7);
  assert_true (command_stage.get_memory_interval () == 7);
  command_stage.memory_interval = 8;
  assert_true (command_stage.memory_interval == 8);
  command_stage.set_nice (-7);
  assert_true (command_stage.get_nice () == -7);
  command_stage.nice = 0;
  assert_true (command_stage.nice == 0);
}

void memory_watch_settings ()
{
  var command_stage = command ("cat");
  var memory_watch = new MemoryWatchStage (command_stage, 0);
  var notified = new Notified (memory_watch);

  assert_true (memory_watch.stage == command_stage);
  assert_str (memory_watch.get_name (), "cat");
  assert_true (memory_watch.get_limit () == 0 && memory_watch.get_interval () == 100);
  memory_watch.set_limit (1LL << 40);
  assert_true (memory_watch.get_limit () == 1LL << 40);
  memory_watch.limit = 5;
  assert_true (memory_watch.limit == 5);
  memory_watch.set_interval (7);
  assert_true (memory_watch.get_interval () == 7);
  memory_watch.interval = 8;
  assert_true (memory_watch.interval == 8);
  notified.assert_all (memory_watch);
}

void add_setting_cases ()
{
  GpTest.add ("/vala/8/command-settings", command_settings);
  GpTest.add ("/vala/8/memory-watch-settings", memory_watch_settings);
}

}
