/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The frame of the tests in C, as far as those in Vala use it. */
[CCode (cheader_filename = "gp-test-util.h", lower_case_cprefix = "gp_test_")]
namespace GpTest {
  [CCode (cname = "GTestFunc", has_target = false)]
  public delegate void Case ();
  [CCode (cname = "GpTestCondition")]
  public delegate bool Condition ();

  public void init ([CCode (array_length_pos = 0.9)] ref unowned string[] args);
  public void add (string path, Case func);
  public int run ();
  public void wait_until (string what, Condition condition);
  public void wait_busy_threads ();
  [CCode (cname = "(void) gp_test_watch")]
  public void watch (GLib.Object object);
  public void begin_criticals ();
  public uint end_criticals (out string text);
  public unowned string child ();
}
