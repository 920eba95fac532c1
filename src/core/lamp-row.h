/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * LampStatus:
 * @LAMP_STATUS_DELIVERED: the server has taken the event
 * @LAMP_STATUS_FAILED: the server has refused it; it waits for a person
 * @LAMP_STATUS_PENDING: it is still to be sent
 *
 * The replay status of an event. The values are those of the queue's file.
 */
typedef enum
{
  LAMP_STATUS_DELIVERED = 0,
  LAMP_STATUS_FAILED = 1,
  LAMP_STATUS_PENDING = 2,
} LampStatus;

const char *lamp_status_to_string (LampStatus status);

#define LAMP_TYPE_ROW (lamp_row_get_type ())

/**
 * LampRow:
 * @id: its place in the queue, which history keeps
 * @event_id: (owned) (not nullable)
 * @event_type: (owned) (not nullable)
 * @mission_id: (owned) (not nullable): empty if the envelope names none
 * @aggregate_id: (owned) (not nullable)
 * @timestamp: (owned) (not nullable): when it happened, as the envelope says
 * @error_code: (owned) (not nullable): why it failed; empty if it hasn't
 * @error_message: (owned) (not nullable)
 * @envelope: (owned) (not nullable): the stored bytes
 * @status: where it stands
 * @lamport_clock: its clock
 * @queued_at: Unix µs
 * @last_retry_at: Unix µs, 0 for never
 * @delivered_at: Unix µs, 0 for not yet
 * @retry_count: how often a server has refused it
 *
 * One event as lists show it (List and Get in section 7 of the specification).
 */
typedef struct
{
  gint64 id;
  char *event_id;
  char *event_type;
  char *mission_id;
  char *aggregate_id;
  char *timestamp;
  char *error_code;
  char *error_message;
  char *envelope;
  LampStatus status;
  gint64 lamport_clock;
  gint64 queued_at;
  gint64 last_retry_at;
  gint64 delivered_at;
  guint retry_count;
} LampRow;

void      lamp_row_free       (LampRow       *self);

/**
 * lamp_row_to_variant:
 *
 * Returns: (transfer floating): the row as an a{sv} with the keys of section 7
 */
GVariant *lamp_row_to_variant (const LampRow *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampRow, lamp_row_free)

G_END_DECLS
