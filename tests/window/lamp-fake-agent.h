/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-bus-generated.h"

G_BEGIN_DECLS

/* An agent that holds rows and nothing else: List() as the real one answers it. */

#define LAMP_TYPE_FAKE_AGENT (lamp_fake_agent_get_type ())

G_DECLARE_FINAL_TYPE (LampFakeAgent, lamp_fake_agent, LAMP, FAKE_AGENT, LampBusAgent1Skeleton)

/**
 * LampFakeRow:
 * @id: the queue id; rows are in its order
 * @status: (not owned): "pending", "failed" or "delivered"
 */
typedef struct
{
  gint64 id;
  const char *status;
} LampFakeRow;

/**
 * lamp_fake_agent_new:
 *
 * Returns: (transfer full): an agent that owns its name on @connection
 */
LampFakeAgent *lamp_fake_agent_new        (GDBusConnection *connection);

/**
 * lamp_fake_agent_add:
 * @skipped: ids that are left out before it
 *
 * Adds a row, the newest one.
 */
void           lamp_fake_agent_add        (LampFakeAgent   *self,
                                           gint64           skipped,
                                           const char      *status);

/**
 * lamp_fake_agent_get_rows:
 *
 * Returns: (transfer none): all rows, the oldest first; to be changed at will
 */
GArray        *lamp_fake_agent_get_rows   (LampFakeAgent   *self);

/**
 * lamp_fake_agent_update:
 *
 * Sets the counters as the rows are, which tells those who watch.
 */
void           lamp_fake_agent_update     (LampFakeAgent   *self);

/**
 * lamp_fake_agent_get_n_calls:
 *
 * Returns: how often List() was called
 */
guint          lamp_fake_agent_get_n_calls (LampFakeAgent  *self);

G_END_DECLS
