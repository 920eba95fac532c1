/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * LampCliRun:
 * @process: (owned): the program
 * @out: (owned): what it printed, once it has ended
 * @err: (owned): what it complained of
 * @code: what it ended with
 *
 * One run of the command line. The main context is iterated while it is waited for, so that
 * an agent in the test's own process can answer.
 */
typedef struct
{
  GSubprocess *process;
  char *out;
  char *err;
  int code;
} LampCliRun;

/**
 * lamp_cli_run_launcher:
 * @home: the folder of the queue
 * @bus_address: (nullable): the session bus, %NULL for none
 *
 * Returns: (transfer full): a launcher with pipes and the environment for the program
 */
GSubprocessLauncher *lamp_cli_run_launcher (const char          *home,
                                            const char          *bus_address,
                                            GSubprocessFlags     flags);

/**
 * lamp_cli_run_start:
 * @arguments: (array zero-terminated=1): the command line without the program
 *
 * Returns: (transfer full): a program that runs
 */
GSubprocess         *lamp_cli_run_start    (GSubprocessLauncher *launcher,
                                            const char *const   *arguments);

/**
 * lamp_cli_run_end:
 * @process: (transfer full): a program that runs
 * @input: (nullable): for its standard input
 *
 * Returns: (transfer full): how it ended
 */
LampCliRun          *lamp_cli_run_end      (GSubprocess         *process,
                                            const char          *input);

/**
 * lamp_cli_run:
 * @line: the command line, split as by a shell
 */
LampCliRun          *lamp_cli_run          (const char          *home,
                                            const char          *bus_address,
                                            const char          *input,
                                            const char          *line);

void                 lamp_cli_run_free     (LampCliRun          *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampCliRun, lamp_cli_run_free)

/* Fails the test with what the program printed. */
#define lamp_cli_run_assert(run, expected_code)                                                    \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if ((run)->code != (expected_code))                                                            \
      g_test_message ("out: %s\nerr: %s", (run)->out, (run)->err);                                 \
    g_assert_cmpint ((run)->code, ==, (expected_code));                                            \
  }                                                                                                \
  G_STMT_END

#define lamp_cli_assert_contains(text, part)                                                       \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (strstr ((text), (part)) == NULL)                                                           \
      g_error ("“%s” is not in “%s”", (part), (text));                                             \
  }                                                                                                \
  G_STMT_END

G_END_DECLS
