/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-snapshot.h"

/* A file of its own, so that a client, which has neither, needs no database. */

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
  self->stalled = lamp_tally_is_stalled (&self->tally, stalled_after, g_get_real_time ());
  self->capacity = lamp_queue_get_capacity (queue);
  lamp_replay_get_progress (replay, &self->replay_done, &self->replay_total);
  self->next_retry = lamp_replay_get_next_retry (replay);
  self->offline_since = lamp_replay_get_offline_since (replay);
  self->node_id = g_strdup (lamp_queue_get_node_id (queue));
  self->server_url = g_strdup (server_url);
  self->queue_path = g_filename_display_name (lamp_queue_get_path (queue));
  self->last_error = g_strdup (problem != NULL ? problem : lamp_replay_get_last_error (replay));
  self->tray_status = g_strdup (tray_status);

  return self;
}
