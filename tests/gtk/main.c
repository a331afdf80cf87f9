/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A window that stays alive while its pipeline is started, and while it runs.
 *
 * No time is measured. The command cannot start before as many frames were drawn as the test wants
 * to see, and the pipeline cannot end before as many more were: a library that kept the main loop
 * for as long as a process starts or runs would keep it for ever. */

#include <gopipe/gopipe.h>
#include <gtk/gtk.h>

#include <fcntl.h>
#include <unistd.h>

#define N_FRAMES 30

typedef struct
{
  GMainLoop        *loop;
  GtkProgressBar   *bar;
  GtkLabel         *label;
  GpPipeline       *pipeline;
  GDataInputStream *lines;
  GAsyncQueue      *frames; /* those that the function has not seen yet */
  guint             n_while_starting;
  guint             n_while_running;
  guint             n_lines;
  int               exit_status;
} App;

static void
check (App        *app,
       gboolean    ok,
       const char *what)
{
  static int n;

  g_print ("%s %d - %s\n", ok ? "ok" : "not ok", ++n, what);
  if (!ok)
    app->exit_status = 1;
}

/* Called in a thread: writes a line for each frame */
static gboolean
write_frames (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  App *app = user_data;

  for (int i = 1; i <= N_FRAMES; i++)
    {
      g_async_queue_pop (app->frames);
      if (!g_output_stream_printf (output, NULL, NULL, error, "frame %d\n", i))
        return FALSE;
    }
  return TRUE;
}

static void
ended_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  App *app = user_data;
  g_autoptr (GError) error = NULL;

  check (app, gp_pipeline_run_finish (app->pipeline, result, &error), "the pipeline succeeds");
  if (error != NULL)
    g_printerr ("%s\n", error->message);
  check (app, app->n_while_starting >= N_FRAMES, "frames while a command does not start");
  check (app, app->n_while_running >= N_FRAMES, "frames while the pipeline runs");
  check (app, app->n_lines == N_FRAMES, "all the output");
  g_main_loop_quit (app->loop);
}

static void read_line (App *app);

static void
line_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  App *app = user_data;
  g_autofree char *line = g_data_input_stream_read_line_finish_utf8 (app->lines, result, NULL, NULL);

  if (line == NULL)
    return;
  app->n_lines++;
  gtk_label_set_text (app->label, line);
  gtk_progress_bar_set_fraction (app->bar, (double) app->n_lines / N_FRAMES);
  read_line (app);
}

static void
read_line (App *app)
{
  g_data_input_stream_read_line_async (app->lines, G_PRIORITY_DEFAULT, NULL, line_cb, app);
}

static void
start (App *app)
{
  g_autoptr (GInputStream) output = gp_pipeline_open_output (app->pipeline, NULL);

  app->lines = g_data_input_stream_new (output);
  gp_pipeline_run_async (app->pipeline, NULL, ended_cb, app);
  check (app,
         gp_pipeline_get_state (app->pipeline) == GP_PIPELINE_STATE_STARTING &&
         gp_stage_status_get_pid (gp_pipeline_get_status (app->pipeline, 1)) == 0,
         "the call that starts does not wait");
  read_line (app);
}

static void
open_gate (void)
{
  close (open (g_getenv ("GP_TEST_GATE"), O_WRONLY | O_CLOEXEC));
}

static gboolean
frame_cb (GtkWidget     *widget,
          GdkFrameClock *clock,
          gpointer       user_data)
{
  App *app = user_data;

  switch (gp_pipeline_get_state (app->pipeline))
    {
    case GP_PIPELINE_STATE_BUILDING:
      start (app);
      break;
    case GP_PIPELINE_STATE_STARTING:
      gtk_progress_bar_pulse (app->bar);
      if (++app->n_while_starting == N_FRAMES)
        open_gate ();
      break;
    default:
      app->n_while_running++;
      g_async_queue_push (app->frames, app);
    }
  return G_SOURCE_CONTINUE;
}

static GtkWidget *
make_window (App *app)
{
  GtkWidget *window = gtk_window_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);

  app->bar = GTK_PROGRESS_BAR (gtk_progress_bar_new ());
  app->label = GTK_LABEL (gtk_label_new ("starting"));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (app->bar));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (app->label));
  gtk_window_set_child (GTK_WINDOW (window), box);
  gtk_window_set_default_size (GTK_WINDOW (window), 320, 120);
  gtk_widget_add_tick_callback (GTK_WIDGET (app->bar), frame_cb, app, NULL);
  return window;
}

int
main (void)
{
  App app = { 0 };
  GtkWidget *window;

  gtk_init ();
  g_print ("1..5\n");
  app.loop = g_main_loop_new (NULL, FALSE);
  app.frames = g_async_queue_new ();
  app.pipeline = gp_pipeline_new ();
  gp_pipeline_append (app.pipeline,
                      GP_STAGE (gp_function_stage_new ("frames", write_frames, &app, NULL)));
  gp_pipeline_append_command (app.pipeline, g_getenv ("GP_TEST_CHILD"), "cat", NULL);

  window = make_window (&app);
  gtk_window_present (GTK_WINDOW (window));
  g_main_loop_run (app.loop);

  gtk_window_destroy (GTK_WINDOW (window));
  g_object_unref (app.lines);
  g_object_unref (app.pipeline);
  g_async_queue_unref (app.frames);
  g_main_loop_unref (app.loop);
  return app.exit_status;
}
