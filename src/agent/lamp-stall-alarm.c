/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-stall-alarm.h"

struct _LampStallAlarm
{
  GObject parent_instance;

  LampTimer *timer; /* (owned) */
  gint64 stalls_at; /* Unix µs, 0 for never */
  guint alarm_id;   /* 0 while none is set */
};

G_DEFINE_FINAL_TYPE (LampStallAlarm, lamp_stall_alarm, G_TYPE_OBJECT)

enum
{
  RING,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
alarm_cb (gpointer user_data)
{
  LampStallAlarm *self = user_data;

  /* The clock on the wall may have been set back: then it is to be set anew. */
  self->alarm_id = 0;
  self->stalls_at = 0;
  g_signal_emit (self, signals[RING], 0);
}

void
lamp_stall_alarm_set (LampStallAlarm *self,
                      gint64          stalls_at)
{
  gint64 delay = stalls_at - g_get_real_time ();

  g_return_if_fail (LAMP_IS_STALL_ALARM (self));

  if (stalls_at == self->stalls_at)
    return;

  lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  self->stalls_at = stalls_at;
  if (stalls_at != 0 && delay >= 0)
    self->alarm_id = lamp_timer_set_alarm (self->timer,
                                           lamp_timer_get_time (self->timer) + delay + 1, alarm_cb,
                                           self);
}

static void
lamp_stall_alarm_dispose (GObject *object)
{
  LampStallAlarm *self = LAMP_STALL_ALARM (object);

  if (self->timer != NULL)
    lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  g_clear_object (&self->timer);

  G_OBJECT_CLASS (lamp_stall_alarm_parent_class)->dispose (object);
}

static void
lamp_stall_alarm_class_init (LampStallAlarmClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = lamp_stall_alarm_dispose;

  signals[RING] = g_signal_new ("ring", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                NULL, G_TYPE_NONE, 0);
}

static void
lamp_stall_alarm_init (LampStallAlarm *self)
{
}

LampStallAlarm *
lamp_stall_alarm_new (LampTimer *timer)
{
  LampStallAlarm *self = NULL;

  g_return_val_if_fail (LAMP_IS_TIMER (timer), NULL);

  self = g_object_new (LAMP_TYPE_STALL_ALARM, NULL);
  self->timer = g_object_ref (timer);

  return self;
}
