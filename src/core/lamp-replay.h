/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-network.h"
#include "lamp-queue.h"
#include "lamp-state.h"
#include "lamp-timer.h"
#include "lamp-transport.h"

G_BEGIN_DECLS

/**
 * LampOnExhausted:
 * @LAMP_ON_EXHAUSTED_HOLD: its events stay pending, and its fault is looked for
 * @LAMP_ON_EXHAUSTED_FAIL: its events are failed, all of them
 *
 * What happens to a batch whose tries are used up. The values are those of the
 * setting `on-exhausted`.
 */
typedef enum
{
  LAMP_ON_EXHAUSTED_HOLD = 0,
  LAMP_ON_EXHAUSTED_FAIL = 1,
} LampOnExhausted;

#define LAMP_TYPE_REPLAY (lamp_replay_get_type ())

/**
 * LampReplay:
 *
 * Sends pending events to the server in batches, oldest first, and decides what
 * an outcome means (section 6 of the specification). It keeps still until
 * lamp_replay_start().
 *
 * Signals:
 *   "changed" (): something that the getters tell is another.
 *   "finished" (guint delivered, guint failed, guint left, char *error): a pass
 *     has ended; @error says why it ended early and is empty if it didn't.
 */
G_DECLARE_FINAL_TYPE (LampReplay, lamp_replay, LAMP, REPLAY, GObject)

/**
 * lamp_replay_new:
 *
 * All of them are kept. A test hands in a timer, a network and a transport of its own.
 */
LampReplay *lamp_replay_new               (LampQueue            *queue,
                                           LampTransport        *transport,
                                           LampTimer            *timer,
                                           LampNetwork          *network);

/**
 * lamp_replay_prepare:
 *
 * Finds out whether the server may have the events that wait, so that all that is told of
 * the replay is true from the first moment. Waits for the disk; for before the main loop.
 */
void        lamp_replay_prepare           (LampReplay           *self);

/**
 * lamp_replay_start:
 *
 * Begins: probes the server and sends what waits.
 */
void        lamp_replay_start             (LampReplay           *self);

/**
 * lamp_replay_now:
 * @error: return location for %LAMP_ERROR_UNCONFIGURED or %LAMP_ERROR_PAUSED
 *
 * Cuts any wait short and starts a pass, also an empty one; each such pass ends
 * with "finished". If one runs already, that is it. While the server has asked for a
 * wait, the pass sends one batch, once.
 */
gboolean    lamp_replay_now               (LampReplay           *self,
                                           GError              **error);

/**
 * lamp_replay_test:
 * @error: return location for %LAMP_ERROR_UNCONFIGURED or %LAMP_ERROR_PAUSED
 *
 * As lamp_replay_now(), but where there is nothing to send, the server gets a batch without
 * events, which shows whether it takes the token.
 */
gboolean    lamp_replay_test              (LampReplay           *self,
                                           GError              **error);

/**
 * lamp_replay_server_changed:
 *
 * The transport has another server or another token: what was learnt of the old
 * one is forgotten, and waiting events are tried at once. A server that is neither the one
 * that took the last event nor agreed to gets none: replay is paused then, until
 * lamp_replay_set_paused() is called with %FALSE.
 */
void        lamp_replay_server_changed    (LampReplay           *self);

/**
 * lamp_replay_probe:
 *
 * Asks for the server's health because somebody is looking; not again for some time if
 * they, or a change of the network, have made it ask just now.
 */
void        lamp_replay_probe             (LampReplay           *self);

/**
 * lamp_replay_stop_async:
 *
 * Ends: the batch in flight is waited for, at most 3 seconds, and its answer is
 * recorded. Answered when nothing is in flight any more.
 */
void        lamp_replay_stop_async        (LampReplay           *self,
                                           GAsyncReadyCallback   callback,
                                           gpointer              user_data);

void        lamp_replay_stop_finish       (LampReplay           *self,
                                           GAsyncResult         *result);

/**
 * lamp_replay_set_paused:
 *
 * Holds replay back. A batch in flight is finished. %FALSE is also the consent to a new
 * server, once replay waits for it.
 */
void        lamp_replay_set_paused        (LampReplay           *self,
                                           gboolean              paused);

/**
 * lamp_replay_get_paused:
 *
 * Returns: whether a person holds replay back, or is asked for consent
 */
gboolean    lamp_replay_get_paused        (LampReplay           *self);

/**
 * lamp_replay_set_batch:
 * @max_events: events a batch, 1 to 100
 * @max_bytes: bytes a batch, uncompressed
 */
void        lamp_replay_set_batch         (LampReplay           *self,
                                           guint                 max_events,
                                           gsize                 max_bytes);

/**
 * lamp_replay_set_max_retries:
 * @max_retries: how often a batch is tried again after the server gave no true answer,
 *   before its fault is looked for; 0 for not at all. 3 by default
 */
void        lamp_replay_set_max_retries   (LampReplay           *self,
                                           guint                 max_retries);

/**
 * lamp_replay_set_on_exhausted:
 * @what: what becomes of a batch that got no true answer in all its tries
 */
void        lamp_replay_set_on_exhausted  (LampReplay           *self,
                                           LampOnExhausted       what);

/**
 * lamp_replay_set_in_flight:
 * @batches: how many batches may be in flight at once, 1 to 4. Only with 1, the
 *   default, do events arrive in order
 */
void        lamp_replay_set_in_flight     (LampReplay           *self,
                                           guint                 batches);

LampState   lamp_replay_get_state         (LampReplay           *self);

gboolean    lamp_replay_get_online        (LampReplay           *self);

/**
 * lamp_replay_get_progress:
 * @done: (out): events of the pass that are settled
 * @total: (out): events of the pass; 0 while none runs
 */
void        lamp_replay_get_progress      (LampReplay           *self,
                                           guint64              *done,
                                           guint64              *total);

/**
 * lamp_replay_get_next_retry:
 *
 * Returns: when waiting events are tried next, Unix µs; 0 if no such try is due
 */
gint64      lamp_replay_get_next_retry    (LampReplay           *self);

/**
 * lamp_replay_get_offline_since:
 *
 * Returns: when the server was first found out of reach, Unix µs; 0 if it isn't, or wasn't tried
 */
gint64      lamp_replay_get_offline_since (LampReplay           *self);

/**
 * lamp_replay_get_last_error:
 *
 * Returns: (transfer none): why events wait, for a person; empty if nothing is wrong, or if
 *   it was a person who has paused replay
 */
const char *lamp_replay_get_last_error    (LampReplay           *self);

G_END_DECLS
