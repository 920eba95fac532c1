/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

#include "lamp-json.h"

G_BEGIN_DECLS

/**
 * LampReceiverEvent:
 * @envelope: (not nullable) the event's bytes, borrowed from the request's body
 * @length: how many
 * @event_id: (owned) (nullable) the id as it was sent, even a wrong one; %NULL
 *   where there is no text to name the event by
 * @event_type: (owned) (nullable) %NULL where it breaks a rule
 * @mission: (owned) (nullable) the mission it belongs to, may be empty; %NULL
 *   where the event breaks a rule
 * @lamport_clock: the sender's clock
 * @code: (nullable) short name of the reason for which it is rejected, %NULL
 *   while it is not
 * @message: (owned) (nullable) the reason in words, naming field and rule
 *
 * One event of a request and what is answered to it.
 */
typedef struct
{
  const char *envelope;
  gsize length;
  char *event_id;
  char *event_type;
  char *mission;
  gint64 lamport_clock;
  const char *code;
  char *message;
} LampReceiverEvent;

LampReceiverEvent *lamp_receiver_event_new         (const LampJson          *envelope);

void               lamp_receiver_event_free        (LampReceiverEvent       *self);

gboolean           lamp_receiver_event_is_rejected (const LampReceiverEvent *self);

void               lamp_receiver_event_reject      (LampReceiverEvent       *self,
                                                    const char              *code,
                                                    char                    *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampReceiverEvent, lamp_receiver_event_free)

G_END_DECLS
