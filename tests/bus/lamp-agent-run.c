/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-run.h"

#include "lamp-test-util.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#define PROPERTIES "org.freedesktop.DBus.Properties"

static void
appeared_cb (GDBusConnection *connection,
             const char      *name,
             const char      *owner,
             gpointer         user_data)
{
  ((LampAgentRun *) user_data)->owned = TRUE;
}

static void
vanished_cb (GDBusConnection *connection,
             const char      *name,
             gpointer         user_data)
{
  ((LampAgentRun *) user_data)->owned = FALSE;
}

/* Only from whoever owns the name, as a client listens. */
static void
signal_cb (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *signal_name,
           GVariant        *parameters,
           gpointer         user_data)
{
  LampAgentRun *self = user_data;
  g_autofree char *printed = g_variant_print (parameters, FALSE);

  /* It is listened to all the same: a test that waits for a property looks at it when this comes.
   */
  if (g_str_equal (signal_name, "PropertiesChanged"))
    return;

  g_string_append_printf (self->signals, "%s %s\n", signal_name, printed);
}

static void
make_folders (LampAgentRun *self)
{
  static const struct
  {
    const char *name;
    const char *variable;
  } folders[] = {
    { "config", "XDG_CONFIG_HOME" },  { "data", "XDG_DATA_HOME" }, { "cache", "XDG_CACHE_HOME" },
    { "state", "XDG_STATE_HOME" },    { "tmp", "TMPDIR" },         { "queue", "SPEC_KITTY_HOME" },
    { "runtime", "XDG_RUNTIME_DIR" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *path = g_build_filename (self->home, folders[i].name, NULL);

      g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
      lamp_agent_run_setenv (self, folders[i].variable, path);
    }

  lamp_agent_run_setenv (self, "HOME", self->home);
}

LampAgentRun *
lamp_agent_run_new (void)
{
  LampAgentRun *self = g_new0 (LampAgentRun, 1);
  g_autoptr (GError) error = NULL;

  self->home = lamp_test_folder_new ();
  self->queue_path = g_build_filename (self->home, "queue", "queue.db", NULL);
  self->signals = g_string_new (NULL);
  self->environment = g_get_environ ();
  make_folders (self);

  self->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (self->bus);

  /* After the bus, which leaves a process behind that keeps open what is open now. */
  self->server = lamp_fake_server_new ();
  self->connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (self->bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_signal_subscribe (self->connection, LAMP_AGENT_ID, NULL, NULL, LAMP_AGENT_PATH,
                                      NULL, G_DBUS_SIGNAL_FLAGS_NONE, signal_cb, self, NULL);
  self->watch_id = g_bus_watch_name_on_connection (self->connection, LAMP_AGENT_ID,
                                                   G_BUS_NAME_WATCHER_FLAGS_NONE, appeared_cb,
                                                   vanished_cb, self, NULL);

  lamp_agent_run_setenv (self, "DBUS_SESSION_BUS_ADDRESS", g_test_dbus_get_bus_address (self->bus));
  lamp_agent_run_setenv (self, "SAAS_API_URL", lamp_fake_server_get_url (self->server));
  lamp_agent_run_setenv (self, "SAAS_API_KEY", NULL);
  lamp_agent_run_setenv (self, "GSETTINGS_BACKEND", "keyfile");

  /* It warns where something is wrong, which is what some tests are about. */
  lamp_agent_run_setenv (self, "G_DEBUG", "fatal-criticals");

  return self;
}

void
lamp_agent_run_free (LampAgentRun *self)
{
  if (self->agent != NULL)
    lamp_agent_run_end (self);

  g_bus_unwatch_name (self->watch_id);
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_object_unref (self->connection);
  g_test_dbus_down (self->bus);
  g_object_unref (self->bus);
  g_object_unref (self->server);
  g_string_free (self->signals, TRUE);
  g_strfreev (self->environment);
  lamp_test_folder_free (self->home);
  g_free (self->queue_path);
  g_free (self->settings);
  g_free (self->logs);
  g_free (self);
}

void
lamp_agent_run_setenv (LampAgentRun *self,
                       const char   *name,
                       const char   *value)
{
  self->environment = g_environ_setenv (self->environment, name, value != NULL ? value : "", TRUE);
}

static void
log_to_files (LampAgentRun        *self,
              GSubprocessLauncher *launcher)
{
  g_autofree char *name = g_strdup_printf ("%03u.log", self->n_logs++);
  g_autofree char *path = g_build_filename (self->logs, name, NULL);

  g_subprocess_launcher_set_stdout_file_path (launcher, path);
}

static void
write_settings (LampAgentRun *self)
{
  g_autofree char *folder = g_build_filename (self->home, "config", "glib-2.0", "settings", NULL);
  g_autofree char *path = g_build_filename (folder, "keyfile", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (self->settings == NULL)
    return;

  text = g_strdup_printf ("[io/github/lamppost/Lamppost]\n%s", self->settings);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  g_clear_pointer (&self->settings, g_free);
}

GSubprocessLauncher *
lamp_agent_run_launcher (LampAgentRun    *self,
                         GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = lamp_test_launcher_new (flags);

  write_settings (self);
  g_subprocess_launcher_set_environ (launcher, self->environment);

  return launcher;
}

GSubprocess *
lamp_agent_run_spawn (LampAgentRun *self,
                      const char   *option)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  launcher = lamp_agent_run_launcher (self, self->logs != NULL ? G_SUBPROCESS_FLAGS_STDERR_MERGE
                                                               : G_SUBPROCESS_FLAGS_NONE);
  if (self->logs != NULL)
    log_to_files (self, launcher);

  process = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_AGENT"), "--no-tray",
                                         option, NULL);
  g_assert_no_error (error);

  return process;
}

void
lamp_agent_run_start (LampAgentRun *self)
{
  g_assert_null (self->agent);
  self->agent = lamp_agent_run_spawn (self, NULL);
  lamp_test_wait_until (self->owned);
}

int
lamp_agent_run_wait (GSubprocess *process)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_wait_async (process, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_subprocess_wait_finish (process, result, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));

  return g_subprocess_get_exit_status (process);
}

void
lamp_agent_run_end (LampAgentRun *self)
{
  g_subprocess_send_signal (self->agent, SIGTERM);
  g_assert_cmpint (lamp_agent_run_wait (self->agent), ==, 0);
  g_clear_object (&self->agent);
  lamp_test_wait_until (!self->owned);
}

static GVariant *
call_on (LampAgentRun *self,
         const char   *interface,
         const char   *method,
         GVariant     *parameters,
         GError      **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_dbus_connection_call (self->connection, LAMP_AGENT_ID, LAMP_AGENT_PATH, interface, method,
                          parameters, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL,
                          lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);

  return g_dbus_connection_call_finish (self->connection, result, error);
}

GVariant *
lamp_agent_run_try (LampAgentRun *self,
                    const char   *method,
                    GVariant     *parameters,
                    GError      **error)
{
  return call_on (self, LAMP_AGENT_RUN_INTERFACE, method, parameters, error);
}

void
lamp_agent_run_call (LampAgentRun *self,
                     const char   *method,
                     GVariant     *parameters)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = lamp_agent_run_try (self, method, parameters, &error);

  g_assert_no_error (error);
  g_assert_nonnull (reply);
}

GVariant *
lamp_agent_run_get (LampAgentRun *self,
                    const char   *property)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call_on (self, PROPERTIES, "Get",
                                        g_variant_new ("(ss)", LAMP_AGENT_RUN_INTERFACE, property),
                                        &error);
  GVariant *value = NULL;

  g_assert_no_error (error);
  g_variant_get (reply, "(v)", &value);

  return value;
}

guint64
lamp_agent_run_get_count (LampAgentRun *self,
                          const char   *property)
{
  g_autoptr (GVariant) value = lamp_agent_run_get (self, property);

  return g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64)
           ? g_variant_get_uint64 (value)
           : (guint64) g_variant_get_int64 (value);
}

char *
lamp_agent_run_dup_text (LampAgentRun *self,
                         const char   *property)
{
  g_autoptr (GVariant) value = lamp_agent_run_get (self, property);

  return g_variant_dup_string (value, NULL);
}

gboolean
lamp_agent_run_is_state (LampAgentRun *self,
                         const char   *state)
{
  g_autofree char *text = lamp_agent_run_dup_text (self, "State");

  return g_str_equal (text, state);
}

void
lamp_agent_run_set_paused (LampAgentRun *self,
                           gboolean      paused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call_on (self, PROPERTIES, "Set",
                                        g_variant_new ("(ssv)", LAMP_AGENT_RUN_INTERFACE, "Paused",
                                                       g_variant_new_boolean (paused)),
                                        &error);

  g_assert_no_error (error);
  g_assert_nonnull (reply);
}

char *
lamp_agent_run_emit (LampAgentRun *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = lamp_agent_run_try (self, "Emit",
                                                   g_variant_new_parsed ("('m', 'T', '{}',"
                                                                         " @a{sv} {})"),
                                                   &error);
  char *id = NULL;

  g_assert_no_error (error);
  g_variant_get (reply, "(sx)", &id, NULL);

  return id;
}

int
lamp_agent_run_cli (LampAgentRun *self,
                    const char   *input,
                    const char   *line,
                    char        **output)
{
  g_autofree char *full_line = g_strconcat (g_getenv ("LAMP_CLI"), " ", line, NULL);
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_auto (GStrv) argv = NULL;
  g_autofree char *out = NULL;
  g_autoptr (GError) error = NULL;

  launcher = lamp_agent_run_launcher (self, G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                              G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                              G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_shell_parse_argv (full_line, NULL, &argv, &error);
  g_assert_no_error (error);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8_async (process, input, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_subprocess_communicate_utf8_finish (process, result, &out, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  if (output != NULL)
    *output = g_steal_pointer (&out);

  return g_subprocess_get_exit_status (process);
}

static void
keyring_appeared_cb (GDBusConnection *connection,
                     const char      *name,
                     const char      *owner,
                     gpointer         user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* It reads the password up to the end of its standard input. */
static void
give_password (GSubprocess *keyring,
               const char  *password)
{
  GOutputStream *input = g_subprocess_get_stdin_pipe (keyring);
  g_autoptr (GError) error = NULL;

  if (password != NULL)
    g_output_stream_write_all (input, password, strlen (password), NULL, NULL, &error);
  g_assert_no_error (error);
  g_output_stream_close (input, NULL, &error);
  g_assert_no_error (error);
}

GSubprocess *
lamp_agent_run_start_keyring (LampAgentRun *self,
                              const char   *password)
{
  g_autofree char *program = g_find_program_in_path ("gnome-keyring-daemon");
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *keyring;
  gboolean appeared = FALSE;
  guint watch_id;

  if (program == NULL)
    {
      g_test_skip ("gnome-keyring-daemon is not installed");
      return NULL;
    }

  launcher = lamp_agent_run_launcher (self, G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                              G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
                                              G_SUBPROCESS_FLAGS_STDERR_SILENCE);

  /* It is not ours to be held to our warnings, nor to say what it does. */
  g_subprocess_launcher_unsetenv (launcher, "G_DEBUG");
  g_subprocess_launcher_unsetenv (launcher, "G_MESSAGES_DEBUG");
  keyring = g_subprocess_launcher_spawn (launcher, &error, program, "--foreground",
                                         "--components=secrets",
                                         password != NULL ? "--unlock" : NULL, NULL);
  g_assert_no_error (error);
  give_password (keyring, password);

  watch_id = g_bus_watch_name_on_connection (self->connection, "org.freedesktop.secrets",
                                             G_BUS_NAME_WATCHER_FLAGS_NONE, keyring_appeared_cb,
                                             NULL, &appeared, NULL);
  lamp_test_wait_until (appeared);
  g_bus_unwatch_name (watch_id);

  return keyring;
}

void
lamp_agent_run_end_keyring (GSubprocess *keyring)
{
  g_subprocess_send_signal (keyring, SIGTERM);
  lamp_agent_run_wait (keyring);
  g_object_unref (keyring);
}

void
lamp_agent_run_age_pending (LampAgentRun *self,
                            guint         hours)
{
  g_autoptr (LampTestDb) db = lamp_test_db_open (self->queue_path);
  g_autofree char *sql = NULL;

  sql = g_strdup_printf (
    "UPDATE lamppost_state SET queued_at = queued_at - %u * 3600000000"
    " WHERE status = 2",
    hours);
  lamp_test_db_run (db, sql);
}
