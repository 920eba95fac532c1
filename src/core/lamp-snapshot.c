/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-snapshot.h"

G_DEFINE_BOXED_TYPE (LampSnapshot, lamp_snapshot, lamp_snapshot_ref, lamp_snapshot_unref)

/* --- what a client knows ------------------------------------------------ */

static guint64
get_count (GVariant   *properties,
           const char *name)
{
  guint64 count = 0;

  g_variant_lookup (properties, name, "t", &count);

  return count;
}

static gint64
get_number (GVariant   *properties,
            const char *name)
{
  gint64 number = 0;

  g_variant_lookup (properties, name, "x", &number);

  return number;
}

static gboolean
get_flag (GVariant   *properties,
          const char *name)
{
  gboolean flag = FALSE;

  g_variant_lookup (properties, name, "b", &flag);

  return flag;
}

static char *
dup_text (GVariant   *properties,
          const char *name)
{
  const char *text = "";

  g_variant_lookup (properties, name, "&s", &text);

  return g_strdup (text);
}

LampSnapshot *
lamp_snapshot_new_from_properties (GVariant *properties,
                                   gint64    stalled_after,
                                   gint64    now)
{
  const char *name = "";
  LampState state;
  LampSnapshot *self = NULL;

  g_return_val_if_fail (g_variant_is_of_type (properties, G_VARIANT_TYPE_VARDICT), NULL);

  g_variant_lookup (properties, "State", "&s", &name);
  if (!lamp_state_from_string (name, &state))
    return NULL;

  self = g_rc_box_new0 (LampSnapshot);
  self->state = state;
  self->online = get_flag (properties, "Online");
  self->paused = get_flag (properties, "Paused");
  self->tally.pending = get_count (properties, "Pending");
  self->tally.failed = get_count (properties, "Failed");
  self->tally.delivered = get_count (properties, "Delivered");
  self->tally.oldest_pending = get_number (properties, "OldestPending");
  self->tally.last_delivery = get_number (properties, "LastDelivery");
  self->tally.lamport_clock = get_number (properties, "LamportClock");
  self->stalled = lamp_tally_is_stalled (&self->tally, stalled_after, now);
  self->capacity = get_count (properties, "Capacity");
  self->replay_done = get_count (properties, "ReplayDone");
  self->replay_total = get_count (properties, "ReplayTotal");
  self->next_retry = get_number (properties, "NextRetry");
  self->offline_since = get_number (properties, "OfflineSince");
  self->node_id = dup_text (properties, "NodeId");
  self->server_url = dup_text (properties, "ServerUrl");
  self->queue_path = dup_text (properties, "QueuePath");
  self->last_error = dup_text (properties, "LastError");
  self->tray_status = dup_text (properties, "TrayStatus");

  return self;
}

/* --- counting ----------------------------------------------------------- */

LampSnapshot *
lamp_snapshot_ref (LampSnapshot *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_rc_box_acquire (self);
}

static void
clear_snapshot (gpointer data)
{
  LampSnapshot *self = data;

  g_free (self->node_id);
  g_free (self->server_url);
  g_free (self->queue_path);
  g_free (self->last_error);
  g_free (self->tray_status);
}

void
lamp_snapshot_unref (LampSnapshot *self)
{
  g_return_if_fail (self != NULL);

  g_rc_box_release_full (self, clear_snapshot);
}

static gboolean
is_same_tally (const LampTally *a,
               const LampTally *b)
{
  return a->pending == b->pending && a->failed == b->failed && a->delivered == b->delivered &&
         a->settled == b->settled && a->oldest_pending == b->oldest_pending &&
         a->last_delivery == b->last_delivery && a->lamport_clock == b->lamport_clock &&
         a->mishaps == b->mishaps;
}

gboolean
lamp_snapshot_equal (const LampSnapshot *a,
                     const LampSnapshot *b)
{
  g_return_val_if_fail (a != NULL && b != NULL, FALSE);

  return a->state == b->state && a->online == b->online && a->paused == b->paused &&
         a->stalled == b->stalled && is_same_tally (&a->tally, &b->tally) &&
         a->capacity == b->capacity && a->replay_done == b->replay_done &&
         a->replay_total == b->replay_total && a->next_retry == b->next_retry &&
         a->offline_since == b->offline_since && g_str_equal (a->node_id, b->node_id) &&
         g_str_equal (a->server_url, b->server_url) && g_str_equal (a->queue_path, b->queue_path) &&
         g_str_equal (a->last_error, b->last_error) && g_str_equal (a->tray_status, b->tray_status);
}

gboolean
lamp_snapshot_needs_attention (const LampSnapshot *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->tally.failed > 0 || self->stalled || self->state == LAMP_STATE_UNAUTHORIZED ||
         self->state == LAMP_STATE_MISCONFIGURED;
}
