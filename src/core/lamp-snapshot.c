/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-snapshot.h"

G_DEFINE_BOXED_TYPE (LampSnapshot, lamp_snapshot, lamp_snapshot_ref, lamp_snapshot_unref)

static gboolean
is_stalled (const LampTally *tally,
            gint64           stalled_after)
{
  return tally->oldest_pending > 0 && tally->oldest_pending + stalled_after < g_get_real_time ();
}

LampSnapshot *
lamp_snapshot_new (LampQueue  *queue,
                   LampReplay *replay,
                   const char *server_url,
                   const char *problem,
                   const char *tray_status,
                   gint64      stalled_after)
{
  LampSnapshot *self = g_rc_box_new0 (LampSnapshot);

  self->state = lamp_replay_get_state (replay);
  self->online = lamp_replay_get_online (replay);
  self->paused = lamp_replay_get_paused (replay);
  self->tally = *lamp_queue_get_tally (queue);
  self->stalled = is_stalled (&self->tally, stalled_after);
  self->capacity = lamp_queue_get_capacity (queue);
  lamp_replay_get_progress (replay, &self->replay_done, &self->replay_total);
  self->next_retry = lamp_replay_get_next_retry (replay);
  self->node_id = g_strdup (lamp_queue_get_node_id (queue));
  self->server_url = g_strdup (server_url);
  self->queue_path = g_filename_display_name (lamp_queue_get_path (queue));
  self->last_error = g_strdup (problem != NULL ? problem : lamp_replay_get_last_error (replay));
  self->tray_status = g_strdup (tray_status);

  return self;
}

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
         g_str_equal (a->node_id, b->node_id) && g_str_equal (a->server_url, b->server_url) &&
         g_str_equal (a->queue_path, b->queue_path) && g_str_equal (a->last_error, b->last_error) &&
         g_str_equal (a->tray_status, b->tray_status);
}

gboolean
lamp_snapshot_needs_attention (const LampSnapshot *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->tally.failed > 0 || self->stalled || self->state == LAMP_STATE_UNAUTHORIZED ||
         self->state == LAMP_STATE_MISCONFIGURED;
}
