/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-batch-limit.h"
#include "lamp-isolation.h"
#include "lamp-replay.h"

G_BEGIN_DECLS

/* For the files that make up the replay:
 *
 *   lamp-replay.c          the object, its states and settings
 *   lamp-replay-alarm.c    when something is tried, and what cuts a wait short
 *   lamp-replay-server.c   the server: probes, limits, consent
 *   lamp-replay-pass.c     reading, sending, settling: go_on() decides what is next
 *   lamp-replay-hold.c     what the server has not decided on
 *   lamp-replay-outcome.c  what it means when no answer came
 *   lamp-replay-end.c      how a pass ends
 *   lamp-isolation.c       who is at fault; knows nothing of the others */

#define LAMP_SECOND ((gint64) G_USEC_PER_SEC)

/* How often the server is asked for its health while nothing else is tried. */
#define LAMP_PROBE_INTERVAL (300 * LAMP_SECOND)

/* A pass of which the probe got no answer sends nothing. After so many in a row the next one asks
 * with an event instead, and so does each second one from then on: a line may be too slow for a
 * probe, or /health broken, and events get through all the same. */
#define LAMP_PROBES_IN_VAIN 3

/* What is under way: nothing, a probe that the pass waits for, or events. */
typedef enum
{
  LAMP_PHASE_REST,
  LAMP_PHASE_PROBING,
  LAMP_PHASE_SENDING,
} LampPhase;

/* Whether events may go to the server there is. */
typedef enum
{
  LAMP_CONSENT_UNKNOWN,
  LAMP_CONSENT_GIVEN,
  LAMP_CONSENT_WANTED,
} LampConsent;

/* A batch under way, from when it is sent until its answer is recorded. */
typedef struct
{
  LampReplay *replay;   /* (owned) (nullable) while something is under way */
  LampBatch *batch;     /* (owned) */
  LampOutcome *outcome; /* (owned) (nullable) once it has come back */
  char *origin;         /* (owned) where it was sent */
  gint64 after;         /* it holds rows behind this one */
  gboolean stale;       /* the server or the token is another one by now */
} LampFlight;

/* An event that the server has not decided on. */
typedef struct
{
  gint64 id;
  gint64 until;     /* as of the timer */
  guint n_times;    /* it was told so */
  gboolean is_over; /* it may be sent, or was; what it is told next counts on */
} LampHeld;

struct _LampReplay
{
  GObject parent_instance;

  LampQueue *queue;         /* (owned) */
  LampTransport *transport; /* (owned) */
  LampTimer *timer;         /* (owned) */
  LampNetwork *network;     /* (owned) */
  GSource *backoff;         /* (owned) the one alarm */
  GCancellable *cancel;     /* (owned) cancelled when nothing may be in flight any more */

  LampState state; /* without UNCONFIGURED and PAUSED, which lie over it */
  LampPhase phase;
  gboolean started;
  gboolean paused;
  gboolean online;
  gboolean well; /* what the last probe has found */
  gboolean asked;    /* a person wants a pass, which could not start yet */
  gboolean curious;  /* and wants to know whether events are taken, also when there are none */
  gboolean news;     /* events came that the pass may have gone past */
  gboolean hint;     /* the network has changed, and nothing was tried since */
  gint64 hint_at;    /* when a hint was last followed, as of the timer */
  gint64 hint_gap;   /* no other is before this has passed */
  char *last_error;  /* (owned) (nullable) */
  gint64 next_retry;    /* Unix µs, 0 for none */
  gint64 offline_since; /* Unix µs, 0 while online, or where nobody knows */

  /* Settings. */
  guint max_events;
  gsize max_bytes;
  guint max_retries;
  LampOnExhausted on_exhausted;
  guint max_in_flight;

  /* The server. */
  gboolean known;       /* it has answered, so it was asked for its limits */
  guint n_vain;         /* passes in a row that a probe without a true answer has ended */
  gboolean probing;     /* beside a pass, in it, or between two */
  gboolean stale_probe; /* of a server or token of before */
  LampLimits limits;
  LampBatchLimit size;   /* since it found a batch too large */
  gint64 throttled_until; /* as of the timer */
  char *judged;           /* (owned) (nullable) the origin that @consent is for */
  LampConsent consent;
  char *checking; /* (owned) (nullable) the origin that the queue is asked about */
  gboolean check_again; /* it may be another answer by now */
  char *agreeing; /* (owned) (nullable) the origin that consent is recorded for */
  char *foregone; /* (owned) (nullable) the origin that a person agreed to before being asked */
  char *stranger; /* (owned) (nullable) why consent is wanted, for a person */

  /* The pass. */
  GPtrArray *flights;       /* (owned) of LampFlight, in the order of their rows */
  LampFlight *trouble;      /* (owned) (nullable) came back with something else than an answer */
  char *mishap;             /* (owned) (nullable) the file can't be read or written */
  LampIsolation *isolation; /* (owned) (nullable) while fault is looked for, also between passes */
  LampFlight *suspect;      /* (owned) (nullable) the event that has failed alone */
  gboolean reading;
  gboolean serial;   /* one in flight, until all is well again */
  guint n_exhausted; /* batches failed for the want of an answer, since anything was answered */
  gboolean scouting; /* the pass asks with an event, and nothing was answered yet */
  gboolean one_only; /* the pass sends one batch, once: the server wants to be left alone */
  guint n_sent;      /* batches of the pass */
  gint64 cursor;     /* rows up to this one are done with, or in flight */
  gint64 rewind;     /* but go back to this one first; G_MAXINT64 for no */
  gboolean at_end;   /* there was nothing behind the cursor */
  gboolean sure;     /* and nothing before it, when that was last read */
  GArray *held;      /* (owned) of LampHeld, by their rows */
  guint64 done;
  guint64 total;
  guint delivered;
  guint failed;

  GTask *stopping;   /* (owned) (nullable) */
  guint patience_id; /* alarm, 0 while nothing stops */
};

/* --- lamp-replay.c ------------------------------------------------------ */

void        lamp_replay_move_to         (LampReplay        *self,
                                         LampState          state);
void        lamp_replay_set_error       (LampReplay        *self,
                                         const char        *message);
gboolean    lamp_replay_has_pending     (LampReplay        *self);
/* Whether it is disposed of: what comes back from now on means nothing. */
gboolean    lamp_replay_is_gone         (LampReplay        *self);
gboolean    lamp_replay_may_send        (LampReplay        *self);
gboolean    lamp_replay_is_resting      (LampReplay        *self);
LampState   lamp_replay_get_rest        (LampReplay        *self);

/* --- lamp-replay-alarm.c ------------------------------------------------ */

/* The one alarm. Only a try to send is told as one. */
void        lamp_replay_ring_after      (LampReplay        *self,
                                         gint64             delay,
                                         gboolean           is_retry);
void        lamp_replay_ring_after_failure (LampReplay     *self);
/* The alarm rings so soon, or for such a reason, that nothing else may set it. */
gboolean    lamp_replay_is_backing_off  (LampReplay        *self);
gboolean    lamp_replay_rings_soon      (LampReplay        *self);
/* Nothing has got through for so long that it is the server that is waited for, and no event. */
gboolean    lamp_replay_is_long_silent  (LampReplay        *self);
/* Events came; or there may be some that did, and were not sent. */
void        lamp_replay_take_news       (LampReplay        *self);
void        lamp_replay_send_news       (LampReplay        *self);
/* What failed may work now. */
void        lamp_replay_try_now         (LampReplay        *self);
void        lamp_replay_network_changed (LampReplay        *self);
/* Whether a hint is followed now: the network has changed, or somebody looks. */
gboolean    lamp_replay_take_hint       (LampReplay        *self);
gboolean    lamp_replay_alarm_cb        (gpointer           user_data);

/* --- lamp-replay-server.c ----------------------------------------------- */

gboolean    lamp_replay_is_configured   (LampReplay        *self);
/* Somebody who knows what was asked has answered. */
gboolean    lamp_replay_is_true_answer  (const LampOutcome *outcome);
void        lamp_replay_ask_health      (LampReplay        *self);
LampConsent lamp_replay_get_consent     (LampReplay        *self);
/* Whether it is wanted, and was not given just now. */
gboolean    lamp_replay_is_asking       (LampReplay        *self);
void        lamp_replay_check_consent   (LampReplay        *self);
void        lamp_replay_give_consent    (LampReplay        *self);
/* Another server has taken something just now. */
void        lamp_replay_doubt_consent   (LampReplay        *self);
gint64      lamp_replay_clamp_retry_after (LampReplay      *self,
                                         gint64             delay);
/* It has given a true answer. */
void        lamp_replay_know_server     (LampReplay        *self);
/* Everything learnt of the server is of another one. */
void        lamp_replay_forget_server   (LampReplay        *self);

/* --- lamp-replay-pass.c ------------------------------------------------- */

void        lamp_replay_start_pass      (LampReplay        *self,
                                         gboolean           probe_first);
void        lamp_replay_go_on           (LampReplay        *self);
void        lamp_replay_settle          (LampReplay        *self,
                                         LampFlight        *flight);
void        lamp_replay_probed_in_pass  (LampReplay        *self,
                                         const LampOutcome *outcome);
void        lamp_replay_flight_free     (LampFlight        *flight);
/* One that has come back. */
LampFlight *lamp_replay_flight_copy     (const LampFlight  *flight);

/* --- lamp-replay-hold.c ------------------------------------------------- */

/* Events of an answer that the server has not decided on are left alone for a while. */
void        lamp_replay_hold            (LampReplay        *self,
                                         const LampFlight  *flight);
/* The rows that are held now, ascending. */
GArray     *lamp_replay_dup_held_ids    (LampReplay        *self);
guint       lamp_replay_count_held      (LampReplay        *self);
/* When the first of them may be sent, G_MAXINT64 if there are none. */
gint64      lamp_replay_get_hold_end    (LampReplay        *self);

/* --- lamp-replay-end.c -------------------------------------------------- */

/* Everything that can be sent was. */
void        lamp_replay_complete_pass   (LampReplay        *self);
/* The backoff decides when the next one is. */
void        lamp_replay_fail_pass       (LampReplay        *self,
                                         LampState          state,
                                         const char        *error);
/* The server can't be used for @delay, which something else decides. */
void        lamp_replay_halt_pass       (LampReplay        *self,
                                         LampState          state,
                                         gint64             delay,
                                         const char        *error);
/* Answers lamp_replay_stop_async() once nothing is under way. */
void        lamp_replay_stop_if_asked   (LampReplay        *self);
/* Nothing may be sent any more. */
void        lamp_replay_interrupt_pass  (LampReplay        *self);

/* --- lamp-replay-outcome.c ---------------------------------------------- */

/* Whether one of several in flight tells more than another: it is the one that is followed. */
gboolean    lamp_replay_is_graver       (const LampFlight  *flight,
                                         const LampFlight  *other);
/* What a batch means that came back without an answer. Nothing else is in flight. Takes it. */
void        lamp_replay_handle_trouble  (LampReplay        *self,
                                         LampFlight        *flight);
/* The same of a batch whose verdicts are recorded. */
void        lamp_replay_settled         (LampReplay        *self,
                                         LampFlight        *flight);
/* Sets the suspect to failed: the isolation has found one. */
void        lamp_replay_fail_suspect    (LampReplay        *self);
/* The batch of @trouble has used up its tries, and is failed for it. */
void        lamp_replay_fail_exhausted  (LampReplay        *self,
                                         LampFlight        *flight);

G_END_DECLS
