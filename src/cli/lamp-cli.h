/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-client.h"
#include "lamp-queue.h"

G_BEGIN_DECLS

/**
 * LampCliExit:
 * @LAMP_CLI_DONE: what was asked is done
 * @LAMP_CLI_FAILED: it was refused, or is not so
 * @LAMP_CLI_USAGE: the command line makes no sense
 * @LAMP_CLI_UNREACHABLE: the agent, or without a session bus the queue, is out of reach
 *
 * What the program ends with (section 8 of the specification).
 */
typedef enum
{
  LAMP_CLI_DONE = 0,
  LAMP_CLI_FAILED = 1,
  LAMP_CLI_USAGE = 2,
  LAMP_CLI_UNREACHABLE = 3,
} LampCliExit;

typedef struct _LampCli LampCli;

/**
 * LampCliFunc:
 * @cli: this run
 * @arguments: (inout): the command line from the command's name on; options are
 *   taken out by lamp_cli_parse()
 *
 * A command. It has printed why if it doesn't return %LAMP_CLI_DONE.
 */
typedef LampCliExit (*LampCliFunc) (LampCli *cli,
                                    char  ***arguments);

/**
 * LampCliCommand:
 * @name: what is typed
 * @arguments: (nullable): what may follow, for the help
 * @summary: one line about it, for the help
 * @run: what it does
 */
typedef struct
{
  const char *name;
  const char *arguments;
  const char *summary;
  LampCliFunc run;
} LampCliCommand;

/**
 * LampCli:
 * @command: what is run
 * @connection: (owned) (nullable): the session bus, %NULL where there is none
 * @client: (owned) (nullable): the agent, after lamp_cli_open()
 * @queue: (owned) (nullable): the queue itself where there is no session bus
 *
 * One run of the program. After lamp_cli_open() exactly one of @client and @queue
 * is there.
 */
struct _LampCli
{
  const LampCliCommand *command;
  GDBusConnection *connection;
  LampClient *client;
  LampQueue *queue;
};

void           lamp_cli_clear      (LampCli             *self);

/**
 * lamp_cli_parse:
 * @entries: (nullable): the command's options; positional arguments are
 *   %G_OPTION_REMAINING
 * @description: (nullable): more for the help, below the options
 *
 * Reads the command line, answers --help, and tells what is wrong with it.
 *
 * Returns: %FALSE if the command is to end with %LAMP_CLI_USAGE
 */
gboolean       lamp_cli_parse      (LampCli             *self,
                                    const GOptionEntry  *entries,
                                    const char          *description,
                                    char              ***arguments);

/**
 * lamp_cli_usage:
 *
 * Prints what is wrong with the command line and how to get help.
 *
 * Returns: %LAMP_CLI_USAGE
 */
LampCliExit    lamp_cli_usage      (LampCli             *self,
                                    const char          *format,
                                    ...) G_GNUC_PRINTF (2, 3);

/**
 * lamp_cli_fail:
 * @error: (transfer none): why
 *
 * Prints an error for a person.
 *
 * Returns: what the error makes the program end with
 */
LampCliExit    lamp_cli_fail       (LampCli             *self,
                                    GError              *error);

/**
 * lamp_cli_try_open:
 *
 * Connects to the agent, which the bus starts if need be; where there is no
 * session bus, opens the queue.
 */
gboolean       lamp_cli_try_open   (LampCli             *self,
                                    GError             **error);

/**
 * lamp_cli_open:
 *
 * lamp_cli_try_open() that prints the error.
 *
 * Returns: %FALSE if the command is to end with %LAMP_CLI_UNREACHABLE
 */
gboolean       lamp_cli_open       (LampCli             *self);

/**
 * lamp_cli_open_agent:
 *
 * lamp_cli_open() for commands that do nothing without an agent.
 *
 * Returns: (transfer none) (nullable): the agent, or %NULL if the command is to
 *   end with %LAMP_CLI_UNREACHABLE
 */
LampBusAgent1 *lamp_cli_open_agent (LampCli             *self);

/**
 * lamp_cli_dup_queue_path:
 *
 * Returns: (transfer full): the queue's file, the agent's if there is one
 */
char          *lamp_cli_dup_queue_path (LampCli         *self);

/* The commands. */

LampCliExit    lamp_cli_emit       (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_status     (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_list       (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_show       (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_replay     (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_resend     (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_discard    (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_import     (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_export     (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_watch      (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_login      (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_logout     (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_pause      (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_unpause    (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_doctor     (LampCli             *cli,
                                    char              ***arguments);
LampCliExit    lamp_cli_open_window (LampCli            *cli,
                                    char              ***arguments);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LampCli, lamp_cli_clear)

G_END_DECLS
