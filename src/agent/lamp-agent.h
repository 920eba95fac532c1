/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define LAMP_TYPE_AGENT (lamp_agent_get_type ())

/**
 * LampAgent:
 *
 * The background program: it joins queue, replay, secrets and D-Bus, and hands
 * their state on as snapshots.
 */
G_DECLARE_FINAL_TYPE (LampAgent, lamp_agent, LAMP, AGENT, GApplication)

/**
 * LampAgentOptions:
 * @queue: (nullable): the queue's file, %NULL for the default one
 * @server: (nullable): the server's address, %NULL for the one that is set
 * @tray: whether to show a tray icon
 * @replace: whether to take over from an agent that runs
 *
 * What the command line asks for.
 */
typedef struct
{
  char *queue;
  char *server;
  gboolean tray;
  gboolean replace;
} LampAgentOptions;

/**
 * lamp_agent_new:
 * @settings: the settings
 *
 * Returns: (transfer full): an agent that does nothing yet
 */
LampAgent *lamp_agent_new  (GSettings              *settings,
                            const LampAgentOptions *options);

/**
 * lamp_agent_run:
 *
 * Opens the queue, takes the name on the bus and works until it is told to end.
 *
 * Returns: the exit status: 0, or 3 if another agent runs
 */
int        lamp_agent_run  (LampAgent              *self);

/**
 * lamp_agent_end:
 *
 * Ends cleanly: a batch in flight is waited for, at most 3 seconds.
 */
void       lamp_agent_end  (LampAgent              *self);

/**
 * lamp_agent_wants_again:
 *
 * Returns: whether the agent has ended to be started anew, by a process image of its own:
 *   its session bus had died, and there is another one now
 */
gboolean   lamp_agent_wants_again (LampAgent       *self);

G_END_DECLS
