/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-timer.h"
#include "lamp-transport.h"

G_BEGIN_DECLS

/**
 * LampNature:
 * @LAMP_NATURE_GOOD: the server takes it
 * @LAMP_NATURE_QUEUED: the server has not decided yet, a few times
 * @LAMP_NATURE_UNNAMED: the server forgets to name it, a few times
 * @LAMP_NATURE_REJECTED: the server refuses it and takes the others
 * @LAMP_NATURE_NAMED: 400 for the batch, with its id in the details
 * @LAMP_NATURE_REFUSED: 400 for the batch, and no word of which one it is
 * @LAMP_NATURE_TOO_LARGE: 413 for any batch with it
 * @LAMP_NATURE_BREAKS: 500 for any batch with it
 * @LAMP_NATURE_CRASHES: no answer to any batch with it
 *
 * What a server makes of an event, always the same. Those from %LAMP_NATURE_REJECTED on
 * are culprits.
 */
typedef enum
{
  LAMP_NATURE_GOOD,
  LAMP_NATURE_QUEUED,
  LAMP_NATURE_UNNAMED,
  LAMP_NATURE_REJECTED,
  LAMP_NATURE_NAMED,
  LAMP_NATURE_REFUSED,
  LAMP_NATURE_TOO_LARGE,
  LAMP_NATURE_BREAKS,
  LAMP_NATURE_CRASHES,
  LAMP_N_NATURES,
} LampNature;

const char *lamp_nature_to_string (LampNature nature);

/**
 * LampMood:
 * @LAMP_MOOD_WELL: each event is judged by its nature
 * @LAMP_MOOD_SLOW: the same, but it takes seconds, often more than anybody waits
 * @LAMP_MOOD_AWAY: no answer, also to probes
 * @LAMP_MOOD_PORTAL: a captive portal that answers probes, but what it says of events is HTML
 * @LAMP_MOOD_LOSSY: batches are lost on the way, probes aren't
 * @LAMP_MOOD_DEAF: batches are taken, but their answers are lost
 * @LAMP_MOOD_BROKEN: 500 for each batch; probes find nothing wrong
 * @LAMP_MOOD_LATE: as %LAMP_MOOD_BROKEN, but the batch was taken before
 * @LAMP_MOOD_SICK: 503 for batches and probes
 * @LAMP_MOOD_THROTTLING: 429, with a Retry-After of whatever sense
 * @LAMP_MOOD_FLAPPING: each request has its own luck
 * @LAMP_MOOD_LOST: 404: another program answers at the server's address
 *
 * How a server, and the way to it, is today.
 */
typedef enum
{
  LAMP_MOOD_WELL,
  LAMP_MOOD_SLOW,
  LAMP_MOOD_AWAY,
  LAMP_MOOD_PORTAL,
  LAMP_MOOD_LOSSY,
  LAMP_MOOD_DEAF,
  LAMP_MOOD_BROKEN,
  LAMP_MOOD_LATE,
  LAMP_MOOD_SICK,
  LAMP_MOOD_THROTTLING,
  LAMP_MOOD_FLAPPING,
  LAMP_MOOD_LOST,
  LAMP_N_MOODS,
} LampMood;

const char *lamp_mood_to_string (LampMood mood);

/**
 * LampServerEvent:
 * @event_id: (owned): its id
 * @nature: what the server makes of it
 * @patience: how often it is still queued or unnamed
 * @node: who emitted it: 0, 1 …
 * @place: its place among those of its node
 * @epoch: how often the laptop's server had changed when it came
 * @sent_to: which server it was sent to
 * @taken: whether the server has recorded it
 * @told: whether an answer that arrived said so
 * @held: whether it was queued or unnamed, so that others may overtake it
 * @gone: whether another program has deleted it
 * @held_until: when it may be sent again, as of the timer
 * @evidence: answers that arrived and blamed it alone, since it was last set to failed
 * @n_muted: how often it was sent and there was no true answer, since it was last failed
 * @n_alone: how often of these it was sent alone
 * @n_failures: how often it was set to failed
 * @n_sent: how often it was sent
 *
 * An event as the simulated world knows it. The server fills in what it does; the rest
 * belongs to whoever watches.
 */
typedef struct
{
  char *event_id;
  LampNature nature;
  guint patience;
  guint node;
  guint place;
  guint epoch;
  guint sent_to;
  gboolean taken;
  gboolean told;
  gboolean held;
  gboolean gone;
  gint64 held_until;
  guint evidence;
  guint n_muted;
  guint n_alone;
  guint n_failures;
  guint n_sent;
} LampServerEvent;

#define LAMP_TYPE_SERVER_MODEL (lamp_server_model_get_type ())

/**
 * LampServerModel:
 *
 * A server and the way to it, as simulations need one: with a mood, a token that expires
 * and a memory of what it took. Answers take their time, of a timer that is the world's
 * and not the laptop's.
 *
 * Signals:
 *   "request" (LampBatch *batch): one leaves the laptop; %NULL for a probe.
 *   "taken" (LampServerEvent *event): the server has recorded an event, for the first time.
 *   "answered" (LampBatch *batch, LampOutcome *outcome, gboolean stale): an outcome reaches
 *     the laptop; @stale if that was given a token or another server since the request.
 */
G_DECLARE_FINAL_TYPE (LampServerModel, lamp_server_model, LAMP, SERVER_MODEL, GObject)

LampServerModel *lamp_server_model_new             (LampTimer       *timer,
                                                    guint            seed);

/**
 * lamp_server_model_expect:
 *
 * Tells the server of an event that may come. One that it doesn't know ends the test.
 *
 * Returns: (transfer none): the event
 */
LampServerEvent *lamp_server_model_expect          (LampServerModel *self,
                                                    const char      *event_id,
                                                    LampNature       nature);

/**
 * lamp_server_model_find:
 *
 * Returns: (transfer none): an event; one that is not known ends the test
 */
LampServerEvent *lamp_server_model_find            (LampServerModel *self,
                                                    const char      *event_id);

/**
 * lamp_server_model_set_origin:
 *
 * The laptop has another address of a server. Behind all of them is this one, which
 * remembers what it took at any.
 */
void             lamp_server_model_set_origin      (LampServerModel *self,
                                                    const char      *origin);

/**
 * lamp_server_model_set_limits:
 * @max_events: the most events a batch may have; 0 for any number
 * @told: whether probes tell so
 */
void             lamp_server_model_set_limits      (LampServerModel *self,
                                                    guint            max_events,
                                                    gboolean         told);

void             lamp_server_model_set_mood        (LampServerModel *self,
                                                    LampMood         mood);

LampMood         lamp_server_model_get_mood        (LampServerModel *self);

/**
 * lamp_server_model_set_line:
 * @up: whether there is a network
 */
void             lamp_server_model_set_line        (LampServerModel *self,
                                                    gboolean         up);

gboolean         lamp_server_model_get_line        (LampServerModel *self);

/**
 * lamp_server_model_is_down:
 *
 * Returns: whether no batch can get an answer that says anything of its events
 */
gboolean         lamp_server_model_is_down         (LampServerModel *self);

/**
 * lamp_server_model_expire_token:
 *
 * From now on the server wants another token than the laptop has.
 */
void             lamp_server_model_expire_token    (LampServerModel *self);

/**
 * lamp_server_model_renew_token:
 *
 * The laptop has the token that the server wants.
 */
void             lamp_server_model_renew_token     (LampServerModel *self);

/**
 * lamp_server_model_cut:
 *
 * The line is cut: what is under way gets no answer. Half of it has arrived before.
 */
void             lamp_server_model_cut             (LampServerModel *self);

/**
 * lamp_server_model_abandon:
 *
 * As lamp_server_model_cut(), but nobody is there to notice: the requests stay until
 * they are cancelled.
 */
void             lamp_server_model_abandon         (LampServerModel *self);

guint            lamp_server_model_get_n_in_flight (LampServerModel *self);

G_END_DECLS
