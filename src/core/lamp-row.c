/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-row.h"

const char *
lamp_status_to_string (LampStatus status)
{
  static const char *const names[] = {
    [LAMP_STATUS_DELIVERED] = "delivered",
    [LAMP_STATUS_FAILED] = "failed",
    [LAMP_STATUS_PENDING] = "pending",
  };

  g_return_val_if_fail (status < G_N_ELEMENTS (names), NULL);

  return names[status];
}

void
lamp_row_free (LampRow *self)
{
  g_free (self->event_id);
  g_free (self->event_type);
  g_free (self->mission_id);
  g_free (self->aggregate_id);
  g_free (self->timestamp);
  g_free (self->error_code);
  g_free (self->error_message);
  g_free (self->envelope);
  g_free (self);
}

GVariant *
lamp_row_to_variant (const LampRow *self)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "event_id", "s", self->event_id);
  g_variant_dict_insert (&dict, "event_type", "s", self->event_type);
  g_variant_dict_insert (&dict, "mission_id", "s", self->mission_id);
  g_variant_dict_insert (&dict, "aggregate_id", "s", self->aggregate_id);
  g_variant_dict_insert (&dict, "status", "s", lamp_status_to_string (self->status));
  g_variant_dict_insert (&dict, "timestamp", "s", self->timestamp);
  g_variant_dict_insert (&dict, "error_code", "s", self->error_code);
  g_variant_dict_insert (&dict, "error_message", "s", self->error_message);
  g_variant_dict_insert (&dict, "lamport_clock", "x", self->lamport_clock);
  g_variant_dict_insert (&dict, "queued_at", "x", self->queued_at);
  g_variant_dict_insert (&dict, "last_retry_at", "x", self->last_retry_at);
  g_variant_dict_insert (&dict, "delivered_at", "x", self->delivered_at);
  g_variant_dict_insert (&dict, "retry_count", "u", self->retry_count);

  return g_variant_dict_end (&dict);
}
