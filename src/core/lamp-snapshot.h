/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib-object.h>

#include "lamp-queue.h"
#include "lamp-replay.h"

G_BEGIN_DECLS

#define LAMP_TYPE_SNAPSHOT (lamp_snapshot_get_type ())

/**
 * LampSnapshot:
 * @state: what the agent is about
 * @online: whether the last exchange with the server got a true answer
 * @paused: whether replay is held back
 * @stalled: whether the oldest pending event has waited too long
 * @tally: the queue in numbers
 * @capacity: undelivered events the queue takes
 * @replay_done: events of the pass that are settled
 * @replay_total: events of the pass, 0 while none runs
 * @next_retry: when waiting events are tried next, Unix µs, 0 if no try is due
 * @offline_since: when the server was first found out of reach, Unix µs, 0 while it isn't
 * @node_id: (owned): this node
 * @server_url: (owned): where events go; empty for nowhere
 * @queue_path: (owned): the queue's file
 * @last_error: (owned): what is wrong, for a person; empty if nothing is
 * @tray_status: (owned): where the tray icon is, or why it is nowhere
 *
 * The agent's state at one moment: the only source of what D-Bus, command line,
 * tray, window and notifications tell, so that they can't disagree. Immutable
 * and counted.
 */
typedef struct
{
  LampState state;
  gboolean online;
  gboolean paused;
  gboolean stalled;
  LampTally tally;
  guint64 capacity;
  guint64 replay_done;
  guint64 replay_total;
  gint64 next_retry;
  gint64 offline_since;
  char *node_id;
  char *server_url;
  char *queue_path;
  char *last_error;
  char *tray_status;
} LampSnapshot;

GType         lamp_snapshot_get_type        (void) G_GNUC_CONST;

/**
 * lamp_snapshot_new:
 * @server_url: where events go; empty for nowhere
 * @problem: (nullable): what is wrong outside of the replay; told instead of its error
 * @tray_status: where the tray icon is
 * @stalled_after: the age at which a pending event counts as stalled, µs
 *
 * Returns: (transfer full): the state of this moment
 */
LampSnapshot *lamp_snapshot_new             (LampQueue    *queue,
                                             LampReplay   *replay,
                                             const char   *server_url,
                                             const char   *problem,
                                             const char   *tray_status,
                                             gint64        stalled_after);

/**
 * lamp_snapshot_new_from_properties:
 * @properties: the agent's properties by their names on D-Bus, an a{sv}; what it lacks
 *   is 0, empty or false
 * @stalled_after: as of lamp_snapshot_new()
 * @now: Unix µs
 *
 * The state as a client of the agent knows it.
 *
 * Returns: (transfer full) (nullable): %NULL if there is no state in @properties, as
 *   without an agent
 */
LampSnapshot *lamp_snapshot_new_from_properties (GVariant *properties,
                                                 gint64    stalled_after,
                                                 gint64    now);

LampSnapshot *lamp_snapshot_ref             (LampSnapshot *self);

void          lamp_snapshot_unref           (LampSnapshot *self);

/**
 * lamp_snapshot_equal:
 *
 * Returns: whether both tell the same
 */
gboolean      lamp_snapshot_equal           (const LampSnapshot *a,
                                             const LampSnapshot *b);

/**
 * lamp_snapshot_needs_attention:
 *
 * Returns: whether events wait for something that only a person can do (section 11 of the
 *   specification)
 */
gboolean      lamp_snapshot_needs_attention (const LampSnapshot *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampSnapshot, lamp_snapshot_unref)

G_END_DECLS
