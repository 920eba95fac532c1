/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-laptop.h"

#include "lamp-network-dummy.h"
#include "lamp-test-util.h"
#include "lamp-timer-dummy.h"

#define SECOND ((gint64) G_USEC_PER_SEC)

/* How long an agent that ends waits at most for what is in flight. */
#define STOP_PATIENCE (3 * SECOND)

struct _LampLaptop
{
  GObject parent_instance;

  char *folder;            /* (owned) */
  char *path;              /* (owned) of the queue's file */
  LampTestDb *other;       /* (owned) (nullable) another program at the file, once there is one */
  LampTimerDummy *world;   /* (owned) the time outside, which no agent's end stops */
  LampServerModel *server; /* (owned) */

  /* The agent, all of them NULL while there is none. */
  LampTimerDummy *timer; /* (owned) */
  LampNetwork *network;  /* (owned) */
  LampQueue *queue;      /* (owned) */
  LampReplay *replay;    /* (owned) */
};

G_DEFINE_FINAL_TYPE (LampLaptop, lamp_laptop, G_TYPE_OBJECT)

enum
{
  STARTED,
  RESTED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* --- the agent ---------------------------------------------------------- */

/* Whatever is under way keeps the replay or the queue alive. */
static gboolean
is_busy (LampLaptop *self)
{
  guint n_flights = lamp_server_model_get_n_in_flight (self->server);

  return G_OBJECT (self->replay)->ref_count - n_flights > 1 ||
         G_OBJECT (self->queue)->ref_count > 2;
}

void
lamp_laptop_rest (LampLaptop *self)
{
  if (self->replay == NULL)
    return;

  do
    {
      while (g_main_context_iteration (NULL, FALSE))
        ;
      lamp_test_wait_until (!is_busy (self));
    }
  while (g_main_context_pending (NULL));

  g_signal_emit (self, signals[RESTED], 0);
}

void
lamp_laptop_start (LampLaptop *self)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (self->replay);
  self->timer = lamp_timer_dummy_new ();
  self->network = lamp_network_dummy_new ();
  self->queue = lamp_queue_new (self->path, "test-node");
  lamp_queue_open (self->queue, &error);
  g_assert_no_error (error);

  if (self->other == NULL)
    self->other = lamp_test_db_open (self->path);

  self->replay = lamp_replay_new (self->queue, LAMP_TRANSPORT (self->server),
                                  LAMP_TIMER (self->timer), self->network);
  g_signal_emit (self, signals[STARTED], 0);
  lamp_replay_start (self->replay);
  lamp_laptop_rest (self);
}

static void
end_agent (LampLaptop   *self,
           GAsyncResult *stopped)
{
  lamp_replay_stop_finish (self->replay, stopped);
  g_object_unref (stopped);
  lamp_server_model_cut (self->server); /* a probe doesn't keep an agent from ending */
  lamp_test_wait_until (G_OBJECT (self->replay)->ref_count == 1);
  g_assert_finalize_object (g_steal_pointer (&self->replay));
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (self->timer), ==, 0);
  g_assert_finalize_object (g_steal_pointer (&self->timer));
  g_assert_finalize_object (g_steal_pointer (&self->network));
  lamp_test_finalize (g_steal_pointer (&self->queue));
}

static void
advance (LampLaptop *self,
         gint64      delay)
{
  lamp_timer_dummy_advance (self->world, delay);
  lamp_timer_dummy_advance (self->timer, delay);
}

static gint64
next_delay (LampLaptop *self,
            gint64      limit)
{
  gint64 delays[] = { lamp_timer_dummy_get_delay (self->world),
                      lamp_timer_dummy_get_delay (self->timer) };

  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    if (delays[i] >= 0)
      limit = MIN (limit, delays[i]);

  return limit;
}

void
lamp_laptop_quit (LampLaptop *self)
{
  GAsyncResult *stopped = NULL;
  gint64 waited = 0;

  lamp_replay_stop_async (self->replay, lamp_test_result_cb, &stopped);
  while (stopped == NULL)
    {
      gint64 delay;

      lamp_test_wait_until (
        stopped != NULL ||
        (G_OBJECT (self->replay)->ref_count - lamp_server_model_get_n_in_flight (self->server) <=
           2 &&
         !g_main_context_pending (NULL)));
      if (stopped != NULL)
        break;

      delay = next_delay (self, STOP_PATIENCE);
      waited += delay;
      g_assert_cmpint (waited, <=, STOP_PATIENCE);
      advance (self, delay);
    }

  end_agent (self, stopped);
}

/* Nothing that a dead program had in mind reaches the file or the server; what it had given to the
 * disk arrives. Its objects end in a time of their own, in which nothing else happens. */
void
lamp_laptop_kill (LampLaptop *self)
{
  GAsyncResult *stopped = NULL;

  lamp_server_model_abandon (self->server);
  lamp_replay_stop_async (self->replay, lamp_test_result_cb, &stopped);
  if (stopped == NULL)
    lamp_timer_dummy_advance (self->timer, STOP_PATIENCE);
  lamp_test_wait_until (stopped != NULL);
  end_agent (self, stopped);
}

/* --- time --------------------------------------------------------------- */

void
lamp_laptop_run (LampLaptop *self,
                 gint64      delay)
{
  /* What is due by now is done now, and not at the end. */
  lamp_laptop_rest (self);

  while (delay > 0)
    {
      gint64 part = next_delay (self, delay);

      advance (self, part);
      lamp_laptop_rest (self);
      delay -= part;
    }
}

void
lamp_laptop_step (LampLaptop *self,
                  gint64      limit)
{
  advance (self, next_delay (self, limit));
}

void
lamp_laptop_sleep (LampLaptop *self,
                   gint64      delay,
                   gboolean    told)
{
  lamp_server_model_cut (self->server);
  lamp_timer_dummy_sleep (self->world, delay);
  lamp_timer_dummy_sleep (self->timer, delay);
  if (told)
    lamp_network_changed (self->network);
  lamp_laptop_rest (self);
}

void
lamp_laptop_network_changed (LampLaptop *self)
{
  lamp_network_changed (self->network);
  lamp_laptop_rest (self);
}

/* --- events ------------------------------------------------------------- */

void
lamp_laptop_emit (LampLaptop *self,
                  LampNature  nature,
                  guint       count)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < count; i++)
    g_ptr_array_add (events, lamp_test_event ("mission", lamp_nature_to_string (nature), NULL));
  lamp_queue_append_async (self->queue, events, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  receipts = lamp_queue_append_finish (self->queue, result, &error);
  g_assert_no_error (error);
  g_clear_object (&result);
  lamp_laptop_rest (self);
}

void
lamp_laptop_write (LampLaptop *self,
                   const char *event_id,
                   LampNature  nature)
{
  g_autofree char *sql = g_strdup_printf (
    "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES ('%s', "
    "'%s', '{\"event_id\": \"%s\", \"node_id\": \"other\", \"payload\": {}}', 1)",
    event_id, lamp_nature_to_string (nature), event_id);

  lamp_test_db_run (self->other, sql);
}

gboolean
lamp_laptop_erase (LampLaptop *self,
                   const char *event_id)
{
  g_autofree char *sql = g_strdup_printf ("DELETE FROM queue WHERE event_id = '%s'", event_id);

  lamp_test_db_run (self->other, sql);

  return sqlite3_changes (self->other) > 0;
}

void
lamp_laptop_look (LampLaptop *self)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  lamp_queue_open_async (self->queue, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_open_finish (self->queue, result, &error);
  g_assert_no_error (error);
  g_clear_object (&result);
  lamp_laptop_rest (self);
}

void
lamp_laptop_resend_all (LampLaptop *self)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint count;

  lamp_queue_resend_async (self->queue, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_queue_resend_finish (self->queue, result, &count, &error);
  g_assert_no_error (error);
  g_clear_object (&result);
  lamp_laptop_rest (self);
}

void
lamp_laptop_assert_sound (LampLaptop *self)
{
  lamp_test_db_assert_sound (self->other);
}

/* --- the object --------------------------------------------------------- */

static void
lamp_laptop_finalize (GObject *object)
{
  LampLaptop *self = LAMP_LAPTOP (object);

  g_assert_null (self->replay);
  g_assert_finalize_object (self->server);
  g_assert_finalize_object (self->world);
  lamp_test_db_close (self->other);
  lamp_test_folder_free (self->folder);
  g_free (self->path);

  G_OBJECT_CLASS (lamp_laptop_parent_class)->finalize (object);
}

static void
lamp_laptop_class_init (LampLaptopClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lamp_laptop_finalize;

  signals[STARTED] = g_signal_new ("started", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 0);
  signals[RESTED] = g_signal_new ("rested", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 0);
}

static void
lamp_laptop_init (LampLaptop *self)
{
  self->folder = lamp_test_folder_new ();
  self->path = g_build_filename (self->folder, "queue.db", NULL);
  self->world = lamp_timer_dummy_new ();
}

LampLaptop *
lamp_laptop_new (guint seed)
{
  LampLaptop *self = g_object_new (LAMP_TYPE_LAPTOP, NULL);

  self->server = lamp_server_model_new (LAMP_TIMER (self->world), seed);

  return self;
}

LampServerModel *
lamp_laptop_get_server (LampLaptop *self)
{
  return self->server;
}

LampQueue *
lamp_laptop_get_queue (LampLaptop *self)
{
  return self->queue;
}

LampReplay *
lamp_laptop_get_replay (LampLaptop *self)
{
  return self->replay;
}

gint64
lamp_laptop_get_time (LampLaptop *self)
{
  return lamp_timer_get_time (LAMP_TIMER (self->world));
}

gint64
lamp_laptop_get_delay (LampLaptop *self)
{
  return lamp_timer_dummy_get_delay (self->timer);
}
