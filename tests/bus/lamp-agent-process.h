/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-bus-generated.h"

G_BEGIN_DECLS

/**
 * LampAgentProcess:
 * @home: (owned): the folder of queue, settings and whatever a test puts there
 * @settings: (owned) (nullable): lines of the keyfile, to be set before a start
 * @wrapper: (owned) (nullable): a program, with its arguments, that starts the agent
 * @tray: whether it shows a tray icon, from the next start on
 * @bus: (owned)
 * @connection: (owned): of the test
 * @proxy: (owned)
 * @agent: (owned) (nullable): the process while it runs
 *
 * The real agent on a bus of its own, for tests that look at the process. All of it ends
 * the test where it fails.
 */
typedef struct
{
  char *home;
  char *settings;
  char **wrapper;
  gboolean tray;
  GTestDBus *bus;
  GDBusConnection *connection;
  LampBusAgent1 *proxy;
  GSubprocess *agent;
} LampAgentProcess;

LampAgentProcess    *lamp_agent_process_new         (void);

void             lamp_agent_process_free        (LampAgentProcess  *self);

/**
 * lamp_agent_process_fill:
 *
 * Puts events into the queue while no agent runs.
 */
void             lamp_agent_process_fill        (LampAgentProcess  *self,
                                             guint          n_events);

/**
 * lamp_agent_process_start:
 * @url: the server that it is to use
 *
 * Returns when the agent has its name.
 */
void             lamp_agent_process_start       (LampAgentProcess  *self,
                                             const char    *url);

/**
 * lamp_agent_process_connect:
 *
 * Returns: (transfer full): a connection of its own to the bus, for
 *   lamp_agent_process_disconnect()
 */
GDBusConnection *lamp_agent_process_connect     (LampAgentProcess  *self);

void             lamp_agent_process_disconnect  (GDBusConnection *connection);

/**
 * lamp_agent_process_replay_now:
 *
 * Does as a person who wants no more of the waiting.
 */
void             lamp_agent_process_replay_now  (LampAgentProcess  *self);

/**
 * lamp_agent_process_get_memory:
 * @name: a line of /proc/PID/status: VmHWM, RssAnon …
 *
 * Returns: KiB
 */
guint            lamp_agent_process_get_memory  (LampAgentProcess  *self,
                                             const char    *name);

/**
 * lamp_agent_process_get_delay:
 *
 * Returns: how long threads of the process had something to do and got no processor
 *   since it was started, µs, all together
 */
gint64           lamp_agent_process_get_delay   (const char    *pid);

/**
 * lamp_agent_process_count_wakeups:
 * @threads: (nullable): where what each thread has is appended, a line each
 *
 * Returns: how often threads of the agent have gone to sleep since they were started
 */
guint64          lamp_agent_process_count_wakeups (LampAgentProcess *self,
                                               GString      *threads);

/**
 * lamp_agent_process_kill_process:
 * @process: (inout): set to %NULL
 *
 * SIGKILL, and the end that it leads to.
 */
void             lamp_agent_process_kill_process (GSubprocess **process);

/**
 * lamp_agent_process_start_receiver:
 * @url: (inout) (nullable): where it listens; %NULL for any free port, which is told here
 *
 * Returns: (transfer full): lamppost-receiver, with a store in the home folder
 */
GSubprocess     *lamp_agent_process_start_receiver (LampAgentProcess *self,
                                                char        **url);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampAgentProcess, lamp_agent_process_free)

G_END_DECLS
