/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-bus-generated.h"
#include "lamp-fake-server.h"

G_BEGIN_DECLS

#define LAMP_AGENT_RUN_INTERFACE "io.github.lamppost.Lamppost.Agent1"

/**
 * LampAgentRun:
 * @home: (owned): the agent's HOME, with all its XDG folders and the queue in it
 * @queue_path: (owned): the queue's file
 * @server: (owned): the team server
 * @bus: (owned): a private session bus
 * @connection: (owned): to @bus
 * @agent: (owned) (nullable): the agent, while it runs
 * @environment: (owned): what else the agent and the command line find there
 * @settings: (owned) (nullable): lines of the agent's key file
 * @logs: (owned) (nullable): the folder that their output goes to, %NULL for the test's own
 * @n_logs: how many files are in there
 * @owned: whether the agent's name is owned
 * @signals: (owned): the signals that came but PropertiesChanged, a line each
 *
 * The real agent on a private bus, for one test.
 */
typedef struct
{
  char *home;
  char *queue_path;
  LampFakeServer *server;
  GTestDBus *bus;
  GDBusConnection *connection;
  GSubprocess *agent;
  char **environment;
  char *settings;
  char *logs;
  guint n_logs;
  gboolean owned;
  GString *signals;
  guint watch_id;
} LampAgentRun;

/**
 * lamp_agent_run_new:
 *
 * Returns: (transfer full): a bus and a server, and no agent yet
 */
LampAgentRun        *lamp_agent_run_new        (void);

/**
 * lamp_agent_run_free:
 *
 * Ends what still runs, and removes @home.
 */
void                 lamp_agent_run_free       (LampAgentRun      *self);

/**
 * lamp_agent_run_setenv:
 * @value: (nullable): %NULL for an empty one
 *
 * From the next start on.
 */
void                 lamp_agent_run_setenv     (LampAgentRun      *self,
                                                const char        *name,
                                                const char        *value);

/**
 * lamp_agent_run_launcher:
 *
 * Returns: (transfer full): a launcher with the environment of agent and command line
 */
GSubprocessLauncher *lamp_agent_run_launcher   (LampAgentRun      *self,
                                                GSubprocessFlags   flags);

/**
 * lamp_agent_run_spawn:
 * @option: (nullable): another option
 *
 * Returns: (transfer full): an agent, which may not have the name yet
 */
GSubprocess         *lamp_agent_run_spawn      (LampAgentRun      *self,
                                                const char        *option);

void                 lamp_agent_run_start      (LampAgentRun      *self);

/**
 * lamp_agent_run_end:
 *
 * Ends the agent, which must end cleanly.
 */
void                 lamp_agent_run_end        (LampAgentRun      *self);

/**
 * lamp_agent_run_wait:
 *
 * Returns: what @process ended with
 */
int                  lamp_agent_run_wait       (GSubprocess       *process);

/**
 * lamp_agent_run_try:
 * @parameters: (nullable): (floating): a tuple
 *
 * Returns: (transfer full) (nullable): the answer
 */
GVariant            *lamp_agent_run_try        (LampAgentRun      *self,
                                                const char        *method,
                                                GVariant          *parameters,
                                                GError           **error);

/**
 * lamp_agent_run_call:
 *
 * A call that must be answered.
 */
void                 lamp_agent_run_call       (LampAgentRun      *self,
                                                const char        *method,
                                                GVariant          *parameters);

GVariant            *lamp_agent_run_get        (LampAgentRun      *self,
                                                const char        *property);

guint64              lamp_agent_run_get_count  (LampAgentRun      *self,
                                                const char        *property);

char                *lamp_agent_run_dup_text   (LampAgentRun      *self,
                                                const char        *property);

gboolean             lamp_agent_run_is_state   (LampAgentRun      *self,
                                                const char        *state);

void                 lamp_agent_run_set_paused (LampAgentRun      *self,
                                                gboolean           paused);

/**
 * lamp_agent_run_emit:
 *
 * Returns: (transfer full): the id
 */
char                *lamp_agent_run_emit       (LampAgentRun      *self);

/**
 * lamp_agent_run_cli:
 * @input: (nullable): for its standard input, which is a pipe
 * @line: the command line, split as by a shell
 * @output: (out) (optional) (transfer full): what it printed and complained of
 *
 * Returns: what the command line ended with
 */
int                  lamp_agent_run_cli        (LampAgentRun      *self,
                                                const char        *input,
                                                const char        *line,
                                                char             **output);

/**
 * lamp_agent_run_start_keyring:
 * @password: (nullable): opens the keyring, and makes it if there is none yet; %NULL
 *   leaves it locked
 *
 * Starts the real secret service on the bus.
 *
 * Returns: (transfer full) (nullable): the keyring's program, which the caller ends; %NULL
 *   where it is not installed: then the test was skipped
 */
GSubprocess         *lamp_agent_run_start_keyring (LampAgentRun   *self,
                                                   const char     *password);

void                 lamp_agent_run_end_keyring (GSubprocess      *keyring);

/**
 * lamp_agent_run_age_pending:
 *
 * Makes all pending events older, as another program that writes the file could.
 */
void                 lamp_agent_run_age_pending (LampAgentRun     *self,
                                                 guint             hours);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampAgentRun, lamp_agent_run_free)

G_END_DECLS
