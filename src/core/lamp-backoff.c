/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-backoff.h"

#define BACKOFF_FIRST G_USEC_PER_SEC
#define BACKOFF_MAX (300 * (gint64) G_USEC_PER_SEC)

/* 2^9 seconds are past the maximum already. */
#define BACKOFF_STEPS 9

#define NOT_WAITING (-1)

struct _LampBackoff
{
  GSource source;

  LampTimer *timer; /* (owned) */
  guint failures;
  gint64 due;     /* as of the timer, or NOT_WAITING */
  guint alarm_id; /* wakes the main loop when due; 0 while nothing is */
};

/* 1, 2, 4 … 300 seconds, plus up to a tenth: a fleet that lost its server must not come back as
 * one. */
gint64
lamp_backoff_delay (guint  attempt,
                    double jitter)
{
  gint64 base = MIN ((gint64) BACKOFF_FIRST << MIN (attempt, BACKOFF_STEPS), BACKOFF_MAX);

  return base + (gint64) (jitter * (double) base / 10);
}

static gboolean
is_due (LampBackoff *self)
{
  return self->due != NOT_WAITING && lamp_timer_get_time (self->timer) >= self->due;
}

static gboolean
lamp_backoff_prepare (GSource *source,
                      int     *timeout)
{
  *timeout = -1;

  return is_due ((LampBackoff *) source);
}

static gboolean
lamp_backoff_check (GSource *source)
{
  return is_due ((LampBackoff *) source);
}

static gboolean
lamp_backoff_dispatch (GSource    *source,
                       GSourceFunc callback,
                       gpointer    user_data)
{
  LampBackoff *self = (LampBackoff *) source;

  self->due = NOT_WAITING;
  lamp_timer_clear_alarm (self->timer, &self->alarm_id);

  return callback != NULL ? callback (user_data) : G_SOURCE_CONTINUE;
}

static void
lamp_backoff_finalize (GSource *source)
{
  LampBackoff *self = (LampBackoff *) source;

  lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  g_clear_object (&self->timer);
}

static GSourceFuncs lamp_backoff_funcs = {
  .prepare = lamp_backoff_prepare,
  .check = lamp_backoff_check,
  .dispatch = lamp_backoff_dispatch,
  .finalize = lamp_backoff_finalize,
};

/* The alarm has nothing to do but to wake the loop, which then asks prepare(). */
static void
alarm_cb (gpointer user_data)
{
  LampBackoff *self = user_data;

  self->alarm_id = 0;
  g_main_context_wakeup (g_source_get_context ((GSource *) self));
}

static void
wait_until (LampBackoff *self,
            gint64       due)
{
  lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  self->due = due;
  if (due != NOT_WAITING)
    self->alarm_id = lamp_timer_set_alarm (self->timer, due, alarm_cb, self);
}

GSource *
lamp_backoff_source_new (LampTimer *timer)
{
  GSource *source = NULL;
  LampBackoff *self = NULL;

  g_return_val_if_fail (LAMP_IS_TIMER (timer), NULL);

  source = g_source_new (&lamp_backoff_funcs, sizeof (LampBackoff));
  g_source_set_static_name (source, "LampBackoff");
  self = (LampBackoff *) source;
  self->timer = g_object_ref (timer);
  self->due = NOT_WAITING;

  return source;
}

void
lamp_backoff_fail (GSource *source)
{
  LampBackoff *self = (LampBackoff *) source;
  gint64 delay = lamp_backoff_delay (self->failures, g_random_double ());

  self->failures++;
  lamp_backoff_wait (source, delay);
}

void
lamp_backoff_wait (GSource *source,
                   gint64   delay)
{
  LampBackoff *self = (LampBackoff *) source;

  wait_until (self, lamp_timer_get_time (self->timer) + MAX (delay, 0));
}

void
lamp_backoff_set_failures (GSource *source,
                           guint    failures)
{
  ((LampBackoff *) source)->failures = failures;
}

void
lamp_backoff_stop (GSource *source)
{
  wait_until ((LampBackoff *) source, NOT_WAITING);
}

void
lamp_backoff_reset (GSource *source)
{
  LampBackoff *self = (LampBackoff *) source;

  self->failures = 0;
  wait_until (self, NOT_WAITING);
}

gint64
lamp_backoff_get_due (GSource *source)
{
  return ((LampBackoff *) source)->due;
}

guint
lamp_backoff_get_failures (GSource *source)
{
  return ((LampBackoff *) source)->failures;
}
