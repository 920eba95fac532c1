/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-process.h"

#include "lamp-queue.h"
#include "lamp-test-util.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#define FILL_STEP 1000

/* --- life --------------------------------------------------------------- */

GDBusConnection *
lamp_agent_process_connect (LampAgentProcess *self)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (self->bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);

  g_assert_no_error (error);

  return connection;
}

void
lamp_agent_process_disconnect (GDBusConnection *connection)
{
  g_dbus_connection_close_sync (connection, NULL, NULL);
  g_object_unref (connection);
}

LampAgentProcess *
lamp_agent_process_new (void)
{
  LampAgentProcess *self = g_new0 (LampAgentProcess, 1);
  g_autoptr (GError) error = NULL;

  self->home = lamp_test_folder_new ();
  self->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (self->bus);
  self->connection = lamp_agent_process_connect (self);
  self->proxy = lamp_bus_agent1_proxy_new_sync (self->connection,
                                                G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, LAMP_AGENT_ID,
                                                LAMP_AGENT_PATH, NULL, &error);
  g_assert_no_error (error);

  return self;
}

void
lamp_agent_process_free (LampAgentProcess *self)
{
  if (self->agent != NULL)
    lamp_agent_process_kill_process (&self->agent);

  g_object_unref (self->proxy);
  lamp_agent_process_disconnect (self->connection);
  g_test_dbus_down (self->bus);
  g_object_unref (self->bus);
  lamp_test_folder_free (self->home);
  g_strfreev (self->wrapper);
  g_free (self->settings);
  g_free (self);
}

/* --- the agent ---------------------------------------------------------- */

void
lamp_agent_process_fill (LampAgentProcess *self,
                         guint             n_events)
{
  g_autofree char *path = g_build_filename (self->home, "queue.db", NULL);
  LampQueue *queue = lamp_queue_new (path, "test-node");

  lamp_queue_set_capacity (queue, n_events);
  while (n_events > 0)
    {
      g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func (
        (GDestroyNotify) lamp_event_unref);
      g_autoptr (GPtrArray) receipts = NULL;
      g_autoptr (GError) error = NULL;

      for (guint step = MIN (n_events, FILL_STEP); step > 0; step--, n_events--)
        g_ptr_array_add (events, lamp_test_event ("mission-42", "Filled",
                                                  "{\"text\": \"It works on my machine\"}"));
      receipts = lamp_queue_append (queue, events, &error);
      g_assert_no_error (error);
    }

  lamp_test_finalize (queue);
}

static void
write_settings (LampAgentProcess *self)
{
  g_autofree char *text = g_strdup_printf ("[io/github/lamppost/Lamppost]\n%s", self->settings);
  g_autofree char *folder = g_build_filename (self->home, "glib-2.0", "settings", NULL);
  g_autofree char *path = g_build_filename (folder, "keyfile", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (g_mkdir_with_parents (folder, 0700));
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static gboolean
is_owned (LampAgentProcess *self)
{
  g_autofree char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (self->proxy));

  return owner != NULL;
}

void
lamp_agent_process_start (LampAgentProcess *self,
                          const char       *url)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) arguments = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (self->agent);
  if (self->settings != NULL)
    write_settings (self);

  g_subprocess_launcher_setenv (launcher, "SPEC_KITTY_HOME", self->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_CONFIG_HOME", self->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_RUNTIME_DIR", self->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "GSETTINGS_BACKEND", "keyfile", TRUE);
  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS",
                                g_test_dbus_get_bus_address (self->bus), TRUE);
  g_subprocess_launcher_setenv (launcher, "SAAS_API_KEY", "token", TRUE);
  g_subprocess_launcher_setenv (launcher, "SAAS_API_URL", url, TRUE);

  if (self->wrapper != NULL)
    g_strv_builder_addv (builder, (const char **) self->wrapper);
  g_strv_builder_add (builder, g_getenv ("LAMP_AGENT"));
  if (!self->tray)
    g_strv_builder_add (builder, "--no-tray");
  arguments = g_strv_builder_end (builder);
  self->agent = g_subprocess_launcher_spawnv (launcher, (const char *const *) arguments, &error);
  g_assert_no_error (error);
  lamp_test_wait_until (is_owned (self));
}

void
lamp_agent_process_replay_now (LampAgentProcess *self)
{
  g_autoptr (GError) error = NULL;

  lamp_bus_agent1_call_replay_now_sync (self->proxy, NULL, &error);
  g_assert_no_error (error);
}

void
lamp_agent_process_kill_process (GSubprocess **process)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_force_exit (*process);
  g_subprocess_wait_async (*process, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_subprocess_wait_finish (*process, result, &error);
  g_assert_no_error (error);

  /* It didn't end by itself before. */
  g_assert_true (g_subprocess_get_if_signaled (*process));
  g_assert_cmpint (g_subprocess_get_term_sig (*process), ==, SIGKILL);
  g_clear_object (process);
}

GSubprocess *
lamp_agent_process_start_receiver (LampAgentProcess *self,
                                   char            **url)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (
    G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autofree char *store = g_build_filename (self->home, "receiver.db", NULL);
  g_autofree char *line = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *receiver;

  receiver = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_RECEIVER"), "--port",
                                          *url != NULL ? strrchr (*url, ':') + 1 : "0", "--store",
                                          store, NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (receiver));
  line = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (line);
  g_assert_nonnull (strstr (line, "http://"));
  if (*url == NULL)
    *url = g_strchomp (g_strdup (strstr (line, "http://")));

  return receiver;
}

/* --- the process -------------------------------------------------------- */

/* The number behind a name in a file of the kernel's, 0 if there is none. */
static gint64
read_number (const char *path,
             const char *name)
{
  g_autofree char *text = NULL;
  g_autofree char *label = g_strdup_printf ("\n%s:", name);
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;

  line = strstr (text, label);

  return line != NULL ? g_ascii_strtoll (line + strlen (label), NULL, 10) : 0;
}

guint
lamp_agent_process_get_memory (LampAgentProcess *self,
                               const char       *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/status",
                                           g_subprocess_get_identifier (self->agent));
  gint64 kib = read_number (path, name);

  g_assert_cmpint (kib, >, 0);

  return kib;
}

/* A thread may end while we read. */
gint64
lamp_agent_process_get_delay (const char *pid)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%s/task", pid);
  g_autoptr (GDir) threads = g_dir_open (folder, 0, NULL);
  const char *thread;
  gint64 total = 0;

  while (threads != NULL && (thread = g_dir_read_name (threads)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, thread, "schedstat", NULL);
      g_autofree char *text = NULL;
      gint64 run;
      gint64 wait;

      if (g_file_get_contents (path, &text, NULL, NULL) &&
          sscanf (text, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT, &run, &wait) == 2)
        total += wait / 1000;
    }

  return total;
}

guint64
lamp_agent_process_count_wakeups (LampAgentProcess *self,
                                  GString          *lines)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%s/task",
                                             g_subprocess_get_identifier (self->agent));
  g_autoptr (GDir) threads = g_dir_open (folder, 0, NULL);
  const char *thread;
  guint64 total = 0;

  while (threads != NULL && (thread = g_dir_read_name (threads)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, thread, "status", NULL);
      g_autofree char *name_path = g_build_filename (folder, thread, "comm", NULL);
      g_autofree char *name = NULL;
      guint64 count = read_number (path, "voluntary_ctxt_switches");

      total += count;
      g_file_get_contents (name_path, &name, NULL, NULL);
      if (lines != NULL && name != NULL)
        g_string_append_printf (lines, "%s %s: %" G_GUINT64_FORMAT "\n", thread, g_strchomp (name),
                                count);
    }

  return total;
}
