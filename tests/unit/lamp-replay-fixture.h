/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-network-dummy.h"
#include "lamp-queue.h"
#include "lamp-replay.h"
#include "lamp-test-util.h"
#include "lamp-timer-dummy.h"
#include "lamp-transport-dummy.h"

G_BEGIN_DECLS

/* A replay over a real queue, with time, network and server in the test's hand. */

#define SECOND ((gint64) G_USEC_PER_SEC)
#define GATHER (20 * (gint64) 1000)
#define THROTTLED (7 * SECOND) /* what the dummy asks for */

#define ONLINE LAMP_OUTCOME_ANSWERED
#define AWAY LAMP_OUTCOME_NO_ANSWER

typedef struct
{
  char *folder; /* (owned) */
  LampQueue *queue;
  LampTimerDummy *timer;
  LampTransportDummy *transport;
  LampNetwork *network;
  LampReplay *replay;
  LampTestDb *db;    /* the other tool */
  GString *finished; /* "delivered failed left error" a line for each pass */
  GAsyncResult *stopped;
  gboolean stopping;
  gboolean holding;
} Fixture;

void set_up (Fixture *fixture, gconstpointer data);

/* The same on a disk that fails on demand: lamp_fault_vfs_register() was called. */
void set_up_faulty (Fixture *fixture, gconstpointer data);

void tear_down (Fixture *fixture, gconstpointer data);

void iterate (void);

/* Until nothing more happens by itself. */
void rest (Fixture *fixture);

void advance (Fixture *fixture, gint64 delay);

void ring (Fixture *fixture);

void start (Fixture *fixture);

/* Returns what the queue knows it by. */
char *emit (Fixture *fixture);

GPtrArray *emit_many (Fixture *fixture, guint count);

/* Which ones they are doesn't matter. */
void emit_some (Fixture *fixture, guint count);

/* Emits are gathered first. */
void go (Fixture *fixture);

void push (Fixture *fixture, LampOutcomeKind kind);

void push_verdict (Fixture *fixture, LampOutcomeKind kind, guint index, LampVerdictKind verdict);

/* A judge for the dummy: nobody is there. */
LampOutcome *judge_away (LampBatch *batch, gpointer user_data);

void set_health (Fixture *fixture, LampOutcomeKind kind);

void hold (Fixture *fixture);

void release (Fixture *fixture);

void stop (Fixture *fixture);

/* What the file monitor asks for. */
void look (Fixture *fixture);

LampRow *get_row (Fixture *fixture, const char *event_id);

void assert_delivered (Fixture *fixture, const char *event_id);

/* Nothing counts against it. */
void assert_untouched (Fixture *fixture, const char *event_id);

void assert_failed (Fixture *fixture, const char *event_id, const char *code, const char *message);

/* The next try is due after @delay, and that is what is told. */
void assert_next_retry (Fixture *fixture, gint64 delay);

/* The same, but with jitter. */
void assert_backoff (Fixture *fixture, gint64 base);

#define assert_state(fixture, state)                                                               \
  g_assert_cmpstr (lamp_state_to_string (lamp_replay_get_state ((fixture)->replay)), ==,           \
                   lamp_state_to_string (state))

#define assert_batches(fixture, n)                                                                 \
  g_assert_cmpuint (lamp_transport_dummy_get_n_batches ((fixture)->transport), ==, (n))

#define assert_size(fixture, index, n)                                                             \
  g_assert_cmpuint (lamp_transport_dummy_get_size ((fixture)->transport, (index)), ==, (n))

#define assert_finished(fixture, text)                                                             \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_assert_cmpstr ((fixture)->finished->str, ==, (text));                                        \
    g_string_truncate ((fixture)->finished, 0);                                                    \
  }                                                                                                \
  G_STMT_END

#define assert_pending(fixture, n)                                                                 \
  g_assert_cmpuint (lamp_queue_get_tally ((fixture)->queue)->pending, ==, (n))

#define assert_error(fixture, text)                                                                \
  g_assert_cmpstr (lamp_replay_get_last_error ((fixture)->replay), ==, (text))

G_END_DECLS
