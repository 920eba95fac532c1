/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-cli-run.h"

#include "lamp-test-util.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

GSubprocessLauncher *
lamp_cli_run_launcher (const char      *home,
                       const char      *bus_address,
                       GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = lamp_test_launcher_new (flags);

  g_subprocess_launcher_setenv (launcher, "SPEC_KITTY_HOME", home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_RUNTIME_DIR", home, TRUE);
  g_subprocess_launcher_setenv (launcher, "TZ", "UTC", TRUE);
  if (bus_address != NULL)
    g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS", bus_address, TRUE);
  else
    g_subprocess_launcher_unsetenv (launcher, "DBUS_SESSION_BUS_ADDRESS");

  return launcher;
}

GSubprocess *
lamp_cli_run_start (GSubprocessLauncher *launcher,
                    const char *const   *arguments)
{
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_strv_builder_add (words, g_getenv ("LAMP_CLI"));
  g_strv_builder_addv (words, (const char **) arguments);
  argv = g_strv_builder_end (words);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  g_assert_no_error (error);

  return process;
}

LampCliRun *
lamp_cli_run_end (GSubprocess *process,
                  const char  *input)
{
  LampCliRun *self = g_new0 (LampCliRun, 1);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  self->process = process;
  g_subprocess_communicate_utf8_async (process, input, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_subprocess_communicate_utf8_finish (process, result, &self->out, &self->err, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  self->code = g_subprocess_get_exit_status (process);

  return self;
}

/* A file, not a pipe: a program may end before it has read everything. */
static int
open_input (const char *input)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int fd;

  g_close (g_file_open_tmp (NULL, &path, &error), NULL);
  g_assert_no_error (error);
  g_file_set_contents (path, input, -1, &error);
  g_assert_no_error (error);
  fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  g_assert_cmpint (fd, >=, 0);
  g_unlink (path);

  return fd;
}

LampCliRun *
lamp_cli_run (const char *home,
              const char *bus_address,
              const char *input,
              const char *line)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_auto (GStrv) arguments = NULL;
  g_autoptr (GError) error = NULL;

  launcher = lamp_cli_run_launcher (home, bus_address,
                                    G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                      G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_subprocess_launcher_take_stdin_fd (launcher, open_input (input != NULL ? input : ""));
  if (*line != '\0')
    g_shell_parse_argv (line, NULL, &arguments, &error);
  else
    arguments = g_new0 (char *, 1);
  g_assert_no_error (error);

  return lamp_cli_run_end (lamp_cli_run_start (launcher, (const char *const *) arguments), NULL);
}

void
lamp_cli_run_free (LampCliRun *self)
{
  g_object_unref (self->process);
  g_free (self->out);
  g_free (self->err);
  g_free (self);
}
