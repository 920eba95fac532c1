/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-trend.h"

#include "lamp-queue-private.h"
#include "lamp-store-trend.h"

struct _LampTrend
{
  GObject parent_instance;

  LampQueue *queue; /* (owned) */
  GArray *points; /* (owned) of LampTrendPoint, by time; one a minute in which something changed */
  gint64 unsaved; /* points from this time on are not in the file, G_MAXINT64: all are */
};

G_DEFINE_FINAL_TYPE (LampTrend, lamp_trend, G_TYPE_OBJECT)

static LampTrendPoint *
get_point (GArray *points,
           guint   index)
{
  return &g_array_index (points, LampTrendPoint, index);
}

static gint64
floor_to (gint64 time,
          gint64 step)
{
  return time - time % step;
}

/* The first point that doesn't begin before @time. */
static guint
find_point (GArray *points,
            gint64  time)
{
  guint low = 0;
  guint high = points->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (get_point (points, middle)->time < time)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

/* --- the file ----------------------------------------------------------- */

static gboolean
save_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  LampQueueJob *job = data;

  return lamp_store_write_trend (store, job->points, job->after, error);
}

static void
saved_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr (GError) error = NULL;

  /* A chart is not worth a person's attention; whatever troubles the file is told by an emit. */
  if (lamp_queue_finish_job (LAMP_QUEUE (source), result, lamp_trend_save, &error) == NULL)
    g_debug ("trend: %s", error->message);
}

void
lamp_trend_save (LampTrend *self)
{
  LampQueueJob *job = NULL;
  guint first;

  g_return_if_fail (LAMP_IS_TREND (self));

  first = find_point (self->points, self->unsaved);
  self->unsaved = G_MAXINT64;
  if (first == self->points->len)
    return;

  job = lamp_queue_job_new (LAMP_STORE_WRITE, save_run);
  job->points = g_array_new (FALSE, FALSE, sizeof (LampTrendPoint));
  g_array_append_vals (job->points, get_point (self->points, first), self->points->len - first);
  job->after = g_get_real_time () - LAMP_TREND_REACH;
  lamp_queue_run_job_async (self->queue, job, lamp_trend_save, saved_cb, NULL);
}

static gboolean
load_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  LampQueueJob *job = data;

  /* What a run that failed has left. */
  g_array_set_size (job->points, 0);

  return lamp_store_read_trend (store, job->after, job->points, error);
}

/* Of a minute that both know, what was seen since the start and what was written before it are two
 * parts. A minute that has not come yet was written by a clock that ran ahead. */
static void
take_loaded (LampTrend *self,
             GArray    *loaded)
{
  gint64 now = g_get_real_time ();
  guint count = loaded->len;

  while (count > 0 && get_point (loaded, count - 1)->time > now)
    count--;

  if (count > 0 && self->points->len > 0)
    {
      gint64 first = get_point (self->points, 0)->time;

      while (count > 0 && get_point (loaded, count - 1)->time > first)
        count--;
      if (count > 0 && get_point (loaded, count - 1)->time == first)
        get_point (self->points, 0)->delivered += get_point (loaded, --count)->delivered;
    }

  g_array_prepend_vals (self->points, loaded->data, count);
}

static void
loaded_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampTrend) self = LAMP_TREND (user_data);
  g_autoptr (GError) error = NULL;
  LampQueueJob *job = lamp_queue_finish_job (LAMP_QUEUE (source), result, lamp_trend_load, &error);

  if (job == NULL)
    g_message ("The chart begins now, because its past can’t be read: %s", error->message);
  else
    take_loaded (self, job->points);
}

void
lamp_trend_load (LampTrend *self)
{
  LampQueueJob *job = NULL;

  g_return_if_fail (LAMP_IS_TREND (self));

  job = lamp_queue_job_new (LAMP_STORE_READ, load_run);
  job->points = g_array_new (FALSE, FALSE, sizeof (LampTrendPoint));
  job->after = g_get_real_time () - LAMP_TREND_REACH;
  lamp_queue_run_job_async (self->queue, job, lamp_trend_load, loaded_cb, g_object_ref (self));
}

/* --- what happens ------------------------------------------------------- */

/* What has grown too old goes by the hundred, not point by point. */
static void
forget_old (LampTrend *self,
            gint64     now)
{
  guint old = find_point (self->points, now - LAMP_TREND_REACH);

  if (old >= 100)
    g_array_remove_range (self->points, 0, old);
}

/* The point of the minute that runs. A clock that was set back goes on in the last one known. */
static LampTrendPoint *
touch (LampTrend *self)
{
  const LampTally *tally = lamp_queue_get_tally (self->queue);
  gint64 now = g_get_real_time ();
  LampTrendPoint point = { .time = floor_to (now, LAMP_TREND_MINUTE) };
  LampTrendPoint *last = NULL;

  if (self->points->len > 0)
    last = get_point (self->points, self->points->len - 1);

  if (last == NULL || last->time < point.time)
    {
      lamp_trend_save (self);
      forget_old (self, now);
      g_array_append_val (self->points, point);
      last = get_point (self->points, self->points->len - 1);
    }

  last->pending = (guint32) MIN (tally->pending, G_MAXUINT32);
  last->failed = (guint32) MIN (tally->failed, G_MAXUINT32);
  self->unsaved = MIN (self->unsaved, last->time);

  return last;
}

static void
changed_cb (LampTrend *self)
{
  touch (self);
}

static void
delivered_cb (LampTrend *self,
              char     **ids)
{
  touch (self)->delivered += g_strv_length (ids);
}

GArray *
lamp_trend_dup_points (LampTrend *self,
                       gint64     since,
                       gint64     step)
{
  GArray *steps = g_array_new (FALSE, FALSE, sizeof (LampTrendPoint));
  gint64 now = g_get_real_time ();
  LampTrendPoint current = { 0 };
  gint64 begin;
  guint next;

  g_return_val_if_fail (LAMP_IS_TREND (self), steps);
  g_return_val_if_fail (step > 0, steps);

  begin = floor_to (CLAMP (since, now - LAMP_TREND_REACH, now), step);

  /* What waited when the first step began is what waited when something last changed before it. */
  next = find_point (self->points, begin);
  if (next > 0)
    current = *get_point (self->points, next - 1);

  for (; begin <= now; begin += step)
    {
      current.time = begin;
      current.delivered = 0;
      for (; next < self->points->len && get_point (self->points, next)->time < begin + step;
           next++)
        {
          const LampTrendPoint *point = get_point (self->points, next);

          current.pending = point->pending;
          current.failed = point->failed;
          current.delivered += MIN (point->delivered, G_MAXUINT32 - current.delivered);
        }

      g_array_append_val (steps, current);
    }

  return steps;
}

/* --- the object --------------------------------------------------------- */

static void
lamp_trend_dispose (GObject *object)
{
  LampTrend *self = LAMP_TREND (object);

  g_clear_object (&self->queue);

  G_OBJECT_CLASS (lamp_trend_parent_class)->dispose (object);
}

static void
lamp_trend_finalize (GObject *object)
{
  LampTrend *self = LAMP_TREND (object);

  g_array_unref (self->points);

  G_OBJECT_CLASS (lamp_trend_parent_class)->finalize (object);
}

static void
lamp_trend_class_init (LampTrendClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_trend_dispose;
  object_class->finalize = lamp_trend_finalize;
}

static void
lamp_trend_init (LampTrend *self)
{
  self->points = g_array_new (FALSE, FALSE, sizeof (LampTrendPoint));
  self->unsaved = G_MAXINT64;
}

LampTrend *
lamp_trend_new (LampQueue *queue)
{
  LampTrend *self = NULL;

  g_return_val_if_fail (LAMP_IS_QUEUE (queue), NULL);

  self = g_object_new (LAMP_TYPE_TREND, NULL);
  self->queue = g_object_ref (queue);
  g_signal_connect_object (queue, "changed", G_CALLBACK (changed_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (queue, "delivered", G_CALLBACK (delivered_cb), self, G_CONNECT_SWAPPED);

  return self;
}
